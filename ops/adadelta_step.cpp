// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/optimizer_step.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = new StepLayout{{{"square_avg"}, {"acc_delta"}}, {}};
  return *layout;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view not_negative[] = {"eps", "weight_decay"};
  check_not_negative(args, not_negative);
  check_fraction(args, "rho");
  return infer_step(args, layout());
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double rho = attrs.real("rho"), eps = attrs.real("eps");
  const Value g = step_gradient(in, attrs, layout(), true);
  const Value v = rho * cast(in[2], g.dtype()) + (1.0 - rho) * square(g);
  const Value old = cast(in[3], g.dtype());
  const Value change = sqrt(old + eps) / sqrt(v + eps) * g;
  const Value moved = rho * old + (1.0 - rho) * square(change);
  const Value w = cast(in[0], g.dtype()) - change * step_scalar(in, layout().lr());
  return finish_step(in, layout(), {w, v, moved});
}

std::vector<Sample> samples() {
  const AttrList all{{"rho", 0.8}, {"eps", 1e-3}, {"weight_decay", 0.1}, {"maximize", true}};
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

OpDef adadelta_step_op() {
  return {.name = "adadelta_step",
          .doc =
              "v' = rho v + (1 - rho) g^2, d = g sqrt(a + eps) / sqrt(v' + eps), a' = rho a + (1 - "
              "rho) "
              "d^2, w - lr d, as torch.optim.Adadelta",
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = {{"rho", AttrType::real, 0.9},
                         {"eps", AttrType::real, 1e-6},
                         {"weight_decay", AttrType::real, 0.0},
                         {"maximize", AttrType::boolean, false}},
          .infer = infer,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace gradus
