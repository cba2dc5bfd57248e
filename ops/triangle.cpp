// SPDX-License-Identifier: Apache-2.0
#include "ops/triangle.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/triangle.h"
#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  GRADUS_CHECK(args.in[0].shape.rank() >= 2, "[{}] expected at least 2 dims, got shape {}", args.op,
               to_string(args.in[0].shape));
  return {args.in[0]};
}

template <bool lower>
void run(const RunArgs& args) {
  const TensorRef& in = args.in[0];
  const int rank = in.shape.rank();
  kernels::triangle_cpu({element_bytes(in.dtype), lower, in.data, args.out[0].data,
                         in.shape.product(0, rank - 2), in.shape[rank - 2], in.shape[rank - 1],
                         args.attrs.integer("diagonal")});
}

template <bool lower>
std::vector<Value> grad(GradArgs& args) {
  return {apply1(lower ? "tril" : "triu", {args.dout[0]}, args.attrs.all())};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {4, 5}}}},
          {.inputs = {{.shape = {2, 5, 3}}}, .attrs = {{"diagonal", 1}}},
          {.inputs = {{.shape = {3, 5}}}, .attrs = {{"diagonal", -2}}},
          {.inputs = {{.shape = {3, 5}}}, .attrs = {{"diagonal", INT64_MAX}}},
          {.inputs = {{.shape = {1, 1}}}},
          {.inputs = {{.shape = {2, 0, 3}}}},
          {.inputs = {{.shape = {1024, 1024}}}, .bench = true}};
}

}  // namespace

OpDef triangle_op(bool lower, std::string_view doc) {
  return {.name = lower ? "tril" : "triu",
          .doc = doc,
          .inputs = {{"input"}},
          .attributes = {{"diagonal", AttrType::integer, 0}},
          .dtypes = all_types,
          .infer = infer,
          .grad = lower ? grad<true> : grad<false>,
          .cpu = {{"reference", lower ? run<true> : run<false>}},
          .half = HalfPolicy::native,
          .aliases = {{0, 0}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{0, least_bytes(query)};
          }};
}

}  // namespace gradus
