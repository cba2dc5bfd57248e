// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/random.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/random_stream.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const double p = args.attrs.real("p");
  GRADUS_CHECK(p >= 0.0 && p <= 1.0, "[dropout] attribute 'p', expected 0 to 1, got {}", p);
  return {args.in[0]};
}

kernels::DropoutArgs bind(const RunArgs& args) {
  const TensorRef& in = args.in[0];
  // Without training nothing is dropped: p = 0 multiplies by one, which changes no bit.
  const double p = args.attrs.boolean("training") ? args.attrs.real("p") : 0.0;
  return {in.dtype, in.data, args.out[0].data, in.numel(), p, random_stream(args)};
}

void run(const RunArgs& args) { kernels::dropout_cpu(bind(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::dropout_cuda(bind(args), args.stream);
}

// The same path draws the same mask again.
std::vector<Value> grad(GradArgs& args) {
  return {apply1("dropout", {args.dout[0]}, args.attrs.all())};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 7}}}},
          {.inputs = {{.shape = {2, 5, 3}}}, .attrs = {{"p", 0.2}, {"rng_path", 77}}},
          {.inputs = {{.shape = {9}}}, .attrs = {{"p", 0.9}, {"training", false}}},
          {.inputs = {{.shape = {5}}}, .attrs = {{"p", 1.0}}},
          {.inputs = {{.shape = {}}}, .attrs = {{"p", 0.0}}},
          {.inputs = {{.shape = {1}}}},
          {.inputs = {{.shape = {0, 3}}}},
          {.inputs = {{.shape = {1 << 20}}}, .bench = true}};
}

}  // namespace

OpDef dropout_op() {
  return {.name = "dropout",
          .doc =
              "zero with probability p, else input / (1 - p); the input as it is unless training. "
              "Element i is kept where uniform number i of the stream rng_path is at least p",
          .inputs = {{"input"}},
          .attributes = {{"p", AttrType::real, 0.5},
                         {"training", AttrType::boolean, true},
                         {"rng_path", AttrType::integer, 0}},
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{{"blocks", run_cuda<decltype(tag)>}};
          }),
          .aliases = {{0, 0}},
          .random = true,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{2.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
