// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/optimizer_step.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = new StepLayout{{{"exp_avg"}}, {}};
  return *layout;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view not_negative[] = {"weight_decay"};
  check_not_negative(args, not_negative);
  check_fraction(args, "beta1");
  check_fraction(args, "beta2");
  return infer_step(args, layout());
}

// -1, 0 or 1, as a constant where derivatives are asked for.
Value direction(Value x) {
  const Value none = zero(x);
  return where(x > 0.0, none + 1.0, where(x < 0.0, none - 1.0, none));
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double beta1 = attrs.real("beta1"), beta2 = attrs.real("beta2");
  const double decay = attrs.real("weight_decay");
  const Value g = step_gradient(in, attrs, layout(), false);
  const Value lr = step_scalar(in, layout().lr()), old = cast(in[2], g.dtype());
  Value w = cast(in[0], g.dtype());
  if (decay != 0.0) w = w * (1.0 - lr * decay);
  w = w - direction(beta1 * old + (1.0 - beta1) * g) * lr;
  return finish_step(in, layout(), {w, beta2 * old + (1.0 - beta2) * g});
}

std::vector<Sample> samples() {
  const AttrList all{{"beta1", 0.8}, {"beta2", 0.9}, {"weight_decay", 0.1}, {"maximize", true}};
  return {{.inputs = step_sample(layout(), {3, 5}, {})},
          {.inputs = step_sample(layout(), {7}, {"step", "scale"}), .attrs = all},
          {.inputs = step_sample(layout(), {6}, {"skip"}), .attrs = all},
          {.inputs = step_sample(layout(), {6}, {"skip"}, true)},
          {.inputs = step_sample(layout(), {}, {})},
          {.inputs = step_sample(layout(), {1}, {})},
          {.inputs = step_sample(layout(), {0, 3}, {})},
          {.inputs = step_sample(layout(), {1 << 22}, {}), .bench = true}};
}

}  // namespace

OpDef lion_step_op() {
  return {.name = "lion_step",
          .doc =
              "w (1 - lr weight_decay) - lr sign(beta1 m + (1 - beta1) g), m' = beta2 m + (1 - "
              "beta2) g "
              "(Lion, Chen et al. 2023)",
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = {{"beta1", AttrType::real, 0.9},
                         {"beta2", AttrType::real, 0.99},
                         {"weight_decay", AttrType::real, 0.0},
                         {"maximize", AttrType::boolean, false}},
          .infer = infer,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace gradus
