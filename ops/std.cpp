// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/variance.h"

namespace gradus {
namespace {

void run(const RunArgs& args) {
  kernels::reduce_cpu(reduce_args(args, kernels::Reduction::std, args.attrs.real("correction")));
}

// Gradient 0 where the deviation is 0.
std::vector<Value> grad(GradArgs& args) {
  const Value out = widened(args.out[0]), dy = widened(args.dout[0]);
  const Value zero = eq(out, zeros_like(out));
  // Half of the slope of the root, before what could overflow.
  const Value slope = 0.5 * (dy / where(zero, ones_like(out), out));
  return {variance_gradient(args, where(zero, zeros_like(dy), slope))};
}

}  // namespace

OpDef std_op() {
  return {.name = "std",
          .doc = "the square root of var over dim (all dims when none); gradient 0 where it is 0",
          .inputs = {{"input"}},
          .attributes = variance_attributes(),
          .infer = infer_variance,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = variance_samples,
          .cost = reduction_cost};
}

}  // namespace gradus
