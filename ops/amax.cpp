// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  return {{args.in[0].dtype, reduced_shape_not_empty(args)}};
}

// Ties share the gradient equally.
std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[0], dy = args.dout[0];
  const Value wins = cast(eq(x, spread(args, args.out[0])), x.dtype());
  return {wins * spread(args, dy) / sum_kept(args, wins)};
}

std::vector<Sample> samples() {
  std::vector<Sample> list =
      reduction_samples({.fill = Fill::distinct, .empty = false, .more = {{}}});
  list.push_back(
      {.inputs =
           {{.shape = {3, 4}, .dtype = DType::i64, .fill = Fill::integers, .lo = -9, .hi = 9}},
       .attrs = {{"dim", 1}}});
  return list;
}

}  // namespace

OpDef amax_op() {
  return {.name = "amax",
          .doc = "the largest over dim (all dims when none); NaN wins; ties share the gradient",
          .inputs = {{"input"}},
          .attributes = reduction_attributes(),
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = reduction_variants<kernels::Reduction::amax>(),
          .cuda = reduction_cuda_variants<kernels::Reduction::amax>(),
          .samples = samples,
          .cost = reduction_cost};
}

}  // namespace gradus
