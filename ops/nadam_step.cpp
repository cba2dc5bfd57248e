// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/optimizer_step.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout =
      new StepLayout{{{"exp_avg"}, {"exp_avg_sq"}, {"mu_product"}}, {}, true, "mu_product"};
  return *layout;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view not_negative[] = {"eps", "weight_decay", "momentum_decay"};
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

// beta1 (1 - 0.96^(step momentum_decay) / 2): Nesterov's momentum rises to beta1.
Value momentum(const Attrs& attrs, Value step) {
  return attrs.real("beta1") * (1.0 - 0.5 * power(0.96, step * attrs.real("momentum_decay")));
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double beta1 = attrs.real("beta1"), beta2 = attrs.real("beta2");
  const Value lr = step_scalar(in, layout().lr()), step = step_scalar(in, layout().lr() + 1);
  const auto [g, w] = decayed(in, attrs, lr);
  const Value old = cast(in[2], g.dtype());
  const Value m = old + (1.0 - beta1) * (g - old);
  const Value v = beta2 * cast(in[3], g.dtype()) + (1.0 - beta2) * square(g);
  const Value mu = momentum(attrs, step), next_mu = momentum(attrs, step + 1.0);
  const Value product = step_scalar(in, 4) * mu;
  const Value divisor = sqrt(v) / sqrt(1.0 - power(beta2, step)) + attrs.real("eps");
  const Value change =
      (g * (lr * (1.0 - mu) / (1.0 - product)) + m * (lr * next_mu / (1.0 - product * next_mu))) /
      divisor;
  return finish_step(in, layout(), {w - change, m, v, product});
}

std::vector<Sample> samples() {
  const AttrList all{{"beta1", 0.8},        {"beta2", 0.9},
                     {"eps", 1e-3},         {"momentum_decay", 0.1},
                     {"weight_decay", 0.1}, {"decoupled_weight_decay", true},
                     {"maximize", true}};
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

OpDef nadam_step_op() {
  return {.name = "nadam_step",
          .doc =
              "Adam with Nesterov's momentum (Dozat 2016), as torch.optim.NAdam; mu_product starts "
              "at 1",
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = {{"beta1", AttrType::real, 0.9},
                         {"beta2", AttrType::real, 0.999},
                         {"eps", AttrType::real, 1e-8},
                         {"momentum_decay", AttrType::real, 0.004},
                         {"weight_decay", AttrType::real, 0.0},
                         {"decoupled_weight_decay", AttrType::boolean, false},
                         {"maximize", AttrType::boolean, false}},
          .infer = infer,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace gradus
