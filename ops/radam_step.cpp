// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/optimizer_step.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = new StepLayout{{{"exp_avg"}, {"exp_avg_sq"}}, {}, true};
  return *layout;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view not_negative[] = {"eps", "weight_decay"};
  check_not_negative(args, not_negative);
  check_fraction(args, "beta1");
  check_fraction(args, "beta2");
  return infer_step(args, layout());
}

// The gradient and the weight after weight decay in either form.
struct Decayed {
  Value g, w;
};

Decayed decayed(std::span<const Value> in, const Attrs& attrs, Value lr) {
  const bool decoupled = attrs.boolean("decoupled_weight_decay");
  const double decay = attrs.real("weight_decay");
  const Value g = step_gradient(in, attrs, layout(), !decoupled);
  const Value w = cast(in[0], g.dtype());
  return {g, decoupled && decay != 0.0 ? w * (1.0 - lr * decay) : w};
}

Value power(double base, Value exponent) {
  return pow(exponent.graph().scalar(base, DType::f64), exponent);
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double beta1 = attrs.real("beta1"), beta2 = attrs.real("beta2");
  const double longest = 2.0 / (1.0 - beta2) - 1.0;
  const Value lr = step_scalar(in, layout().lr()), step = step_scalar(in, layout().lr() + 1);
  const auto [g, w] = decayed(in, attrs, lr);
  const Value old = cast(in[2], g.dtype());
  const Value m = old + (1.0 - beta1) * (g - old);
  const Value v = beta2 * cast(in[3], g.dtype()) + (1.0 - beta2) * square(g);
  const Value rest = 1.0 - power(beta2, step);
  const Value plain = m * (lr / (1.0 - power(beta1, step)));
  if (longest <= 5.0) return finish_step(in, layout(), {w - plain, m, v});
  // How many gradients the mean square stands for; below 5 its variance is unknown.
  const Value length = longest - 2.0 * step * power(beta2, step) / rest;
  const Value known = maximum(length, length.graph().scalar(5.0, DType::f64));
  const Value rectified =
      sqrt((known - 4.0) * (known - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * known));
  const Value scale = sqrt(rest) * rectified / (sqrt(v) + attrs.real("eps"));
  const Value change = plain * where(length > 5.0, scale, zero(scale) + 1.0);
  return finish_step(in, layout(), {w - change, m, v});
}

std::vector<Sample> samples() {
  const AttrList all{{"beta1", 0.8},
                     {"beta2", 0.9},
                     {"eps", 1e-3},
                     {"weight_decay", 0.1},
                     {"decoupled_weight_decay", true},
                     {"maximize", true}};
  std::vector<SampleInput> later = step_sample(layout(), {5}, {"step"});
  later[layout().lr() + 1].lo = 30;
  later[layout().lr() + 1].hi = 31;
  return {{.inputs = step_sample(layout(), {3, 5}, {"step"})},
          {.inputs = later},
          {.inputs = step_sample(layout(), {7}, {"step", "scale"}), .attrs = all},
          {.inputs = step_sample(layout(), {6}, {"step", "skip"}), .attrs = all},
          {.inputs = step_sample(layout(), {6}, {"step", "skip"}, true), .attrs = {{"beta2", 0.5}}},
          {.inputs = step_sample(layout(), {}, {"step"})},
          {.inputs = step_sample(layout(), {1}, {"step"})},
          {.inputs = step_sample(layout(), {0, 3}, {"step"})},
          {.inputs = step_sample(layout(), {1 << 22}, {"step"}), .bench = true}};
}

}  // namespace

OpDef radam_step_op() {
  return {.name = "radam_step",
          .doc =
              "Adam whose first steps, while the mean square is not known well, are those of "
              "momentum, and "
              "are rectified then (Liu et al. 2019), as torch.optim.RAdam",
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = {{"beta1", AttrType::real, 0.9},
                         {"beta2", AttrType::real, 0.999},
                         {"eps", AttrType::real, 1e-8},
                         {"weight_decay", AttrType::real, 0.0},
                         {"decoupled_weight_decay", AttrType::boolean, false},
                         {"maximize", AttrType::boolean, false}},
          .infer = infer,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace gradus
