// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/rmsprop_rule.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const StepLayout& layout = rmsprop_layout();
  const double alpha = attrs.real("alpha");
  const Value buffer = in[layout.skip() + 1], average = in[layout.skip() + 2];
  const Value g = step_gradient(in, attrs, layout, true);
  const Value v = alpha * cast(in[2], g.dtype()) + (1.0 - alpha) * square(g);
  Value spread = v, next_average, next_buffer;
  if (average) {
    const Value old = cast(average, g.dtype());
    next_average = old + (1.0 - alpha) * (g - old);
    spread = v - square(next_average);
  }
  Value change = g / (sqrt(spread) + attrs.real("eps"));
  if (buffer) change = next_buffer = attrs.real("momentum") * cast(buffer, g.dtype()) + change;
  const Value w = cast(in[0], g.dtype()) - change * step_scalar(in, layout.lr());
  return finish_step(in, layout, {w, v, next_buffer, next_average});
}

}  // namespace

OpDef rmsprop_step_composite_op() {
  return {.name = "rmsprop_step_composite",
          .doc = "rmsprop_step out of differentiable ops, for second-order methods",
          .inputs = step_inputs(rmsprop_layout()),
          .outputs = step_outputs(rmsprop_layout()),
          .attributes = rmsprop_attributes(),
          .infer = infer_rmsprop,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = rmsprop_samples};
}

}  // namespace gradus
