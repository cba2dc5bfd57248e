// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/sgd_rule.h"

namespace gradus {
namespace {

// Where step is 1 the buffer starts as the gradient, without dampening.
Value next_buffer(std::span<const Value> in, const Attrs& attrs, Value g) {
  const Value old = cast(in[2], g.dtype()), step = in[sgd_layout().lr() + 1];
  const double dampening = attrs.real("dampening");
  const Value added = dampening == 0.0 ? g : (1.0 - dampening) * g;
  const Value later = attrs.real("momentum") * old + added;
  if (!step) return later;
  const Value number = reshape(step, {});
  return where(apply1("eq", {number, step.graph().scalar(1.0, step.dtype())}), g, later);
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const StepLayout& layout = sgd_layout();
  const Value lr = step_scalar(in, layout.lr());
  const bool inside = attrs.text("momentum_form") == "lr_inside";
  Value g = step_gradient(in, attrs, layout, true);
  const Value w = cast(in[0], g.dtype());
  if (!in[2]) return finish_step(in, layout, {w - g * lr, Value()});
  if (inside) g = g * lr;
  const Value b = next_buffer(in, attrs, g);
  const Value change = attrs.boolean("nesterov") ? g + attrs.real("momentum") * b : b;
  return finish_step(in, layout, {w - (inside ? change : change * lr), b});
}

}  // namespace

OpDef sgd_step_composite_op() {
  return {.name = "sgd_step_composite",
          .doc = "sgd_step out of differentiable ops, for second-order methods",
          .inputs = step_inputs(sgd_layout()),
          .outputs = step_outputs(sgd_layout()),
          .attributes = sgd_attributes(),
          .infer = infer_sgd,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = sgd_samples};
}

}  // namespace gradus
