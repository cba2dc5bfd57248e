// SPDX-License-Identifier: Apache-2.0
#include "kernels/random.h"
#include "ops/op_list.h"
#include "ops/random_stream.h"
#include "ops/support.h"

namespace gradus {
namespace {

void run(const RunArgs& args) {
  const TensorRef& in = args.in[0];
  kernels::bernoulli_cpu({in.dtype, in.data, args.out[0].data, in.numel(), random_stream(args)});
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 7}, .lo = 0, .hi = 1}}},
          {.inputs = {{.shape = {2, 5, 3}, .lo = 0, .hi = 1}}, .attrs = {{"rng_path", 9}}},
          {.inputs = {{.shape = {}, .lo = 0, .hi = 1}}},
          {.inputs = {{.shape = {1}, .fill = Fill::integers, .lo = 1, .hi = 2}}},
          {.inputs = {{.shape = {0, 3}}}},
          {.inputs = {{.shape = {1 << 20}, .lo = 0, .hi = 1}}, .bench = true}};
}

}  // namespace

OpDef bernoulli_op() {
  return {.name = "bernoulli",
          .doc = "1 with probability input, else 0, of input's shape and dtype",
          .inputs = {{"input"}},
          .attributes = {{"rng_path", AttrType::integer, 0}},
          .infer = [](const InferArgs& args) { return std::vector<TensorSpec>{args.in[0]}; },
          .no_grad = "a random draw",
          .cpu = {{"reference", run}},
          .aliases = {{0, 0}},
          .random = true,
          .samples = samples,
          .cost =
              [](const KernelQuery& query) {
                return Cost{static_cast<double>(query.in[0].numel()), least_bytes(query)};
              }};
}

}  // namespace gradus
