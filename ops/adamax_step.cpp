// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/optimizer_step.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = new StepLayout{{{"exp_avg"}, {"exp_inf"}}, {}, true};
  return *layout;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view not_negative[] = {"eps", "weight_decay"};
  check_not_negative(args, not_negative);
  check_fraction(args, "beta1");
  check_fraction(args, "beta2");
  return infer_step(args, layout());
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double beta1 = attrs.real("beta1");
  const Value g = step_gradient(in, attrs, layout(), true);
  const Value lr = step_scalar(in, layout().lr()), step = step_scalar(in, layout().lr() + 1);
  const Value old = cast(in[2], g.dtype());
  const Value m = old + (1.0 - beta1) * (g - old);
  const Value largest =
      maximum(attrs.real("beta2") * cast(in[3], g.dtype()), abs(g) + attrs.real("eps"));
  const Value rate = lr / (1.0 - pow(step.graph().scalar(beta1, DType::f64), step));
  return finish_step(in, layout(), {cast(in[0], g.dtype()) - m * rate / largest, m, largest});
}

std::vector<Sample> samples() {
  const AttrList all{
      {"beta1", 0.8}, {"beta2", 0.9}, {"eps", 1e-3}, {"weight_decay", 0.1}, {"maximize", true}};
  return {{.inputs = step_sample(layout(), {3, 5}, {"step"})},
          {.inputs = step_sample(layout(), {7}, {"step", "scale"}), .attrs = all},
          {.inputs = step_sample(layout(), {6}, {"step", "skip"}), .attrs = all},
          {.inputs = step_sample(layout(), {6}, {"step", "skip"}, true)},
          {.inputs = step_sample(layout(), {}, {"step"})},
          {.inputs = step_sample(layout(), {1}, {"step"})},
          {.inputs = step_sample(layout(), {0, 3}, {"step"})},
          {.inputs = step_sample(layout(), {1 << 22}, {"step"}), .bench = true}};
}

}  // namespace

OpDef adamax_step_op() {
  return {.name = "adamax_step",
          .doc =
              "m' = m + (1 - beta1)(g - m), u' = max(beta2 u, |g| + eps), w - lr m' / ((1 - "
              "beta1^step) "
              "u'), as torch.optim.Adamax",
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = {{"beta1", AttrType::real, 0.9},
                         {"beta2", AttrType::real, 0.999},
                         {"eps", AttrType::real, 1e-8},
                         {"weight_decay", AttrType::real, 0.0},
                         {"maximize", AttrType::boolean, false}},
          .infer = infer,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace gradus
