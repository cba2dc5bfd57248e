// SPDX-License-Identifier: Apache-2.0
#include "ops/adagrad_rule.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const StepLayout& layout = adagrad_layout();
  const Value g = step_gradient(in, attrs, layout, true);
  const Value sum = cast(in[2], g.dtype()) + square(g);
  Value rate = step_scalar(in, layout.lr());
  if (attrs.real("lr_decay") != 0.0)
    rate = rate / (1.0 + attrs.real("lr_decay") * (step_scalar(in, layout.lr() + 1) - 1.0));
  const Value change = g * rate / (sqrt(sum) + attrs.real("eps"));
  return finish_step(in, layout, {cast(in[0], g.dtype()) - change, sum});
}

}  // namespace

OpDef adagrad_step_composite_op() {
  return {.name = "adagrad_step_composite",
          .doc = "adagrad_step out of differentiable ops, for second-order methods",
          .inputs = step_inputs(adagrad_layout()),
          .outputs = step_outputs(adagrad_layout()),
          .attributes = adagrad_attributes(),
          .infer = infer_adagrad,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = adagrad_samples};
}

}  // namespace gradus
