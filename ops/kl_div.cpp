// SPDX-License-Identifier: Apache-2.0
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// target * log(target), 0 at 0; log(0) must not leak into the gradient.
Value entropy_term(Value target) {
  const Value zero = eq(target, zeros_like(target));
  return target * log(where(zero, ones_like(target), target));
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const Value input = in[0], target = in[1];
  check_loss_inputs(input, target, "kl_div");
  const Value loss = attrs.boolean("log_target") ? exp(target) * (target - input)
                                                 : entropy_term(target) - target * input;
  if (attrs.text("reduction") != "batchmean") return {reduce_loss(loss, attrs, "kl_div")};
  const double batch = input.rank() > 0 ? static_cast<double>(input.shape()[0]) : 1.0;
  return {sum(loss) / batch};
}

}  // namespace

OpDef kl_div_op() {
  return {.name = "kl_div",
          .doc =
              "target * (log(target) - input), input being log-probabilities; log_target: target "
              "is a logarithm too; batchmean divides the sum by input's first size",
          .inputs = {{"input"}, {"target"}},
          .attributes = {reduction_attribute(), {"log_target", AttrType::boolean, false}},
          .composite = composite,
          .samples = [] {
            return loss_samples({.input_lo = -3,
                                 .input_hi = 0,
                                 .target_lo = 0.1,
                                 .target_hi = 1,
                                 .more = {{{"reduction", "batchmean"}}, {{"log_target", true}}}});
          }};
}

}  // namespace gradus
