// SPDX-License-Identifier: Apache-2.0
#include "ops/sgd_rule.h"

#include "engine/base/error.h"

namespace gradus {

const StepLayout& sgd_layout() {
  static const StepLayout* layout = new StepLayout{{{"momentum_buffer", InputKind::optional}}, {}};
  return *layout;
}

std::vector<AttrSpec> sgd_attributes() {
  return {{"momentum", AttrType::real, 0.0},      {"dampening", AttrType::real, 0.0},
          {"weight_decay", AttrType::real, 0.0},  {"nesterov", AttrType::boolean, false},
          {"maximize", AttrType::boolean, false}, {"momentum_form", AttrType::text, "pytorch"}};
}

std::vector<TensorSpec> infer_sgd(const InferArgs& args) {
  const double momentum = args.attrs.real("momentum"), dampening = args.attrs.real("dampening");
  const std::string_view not_negative[] = {"momentum", "weight_decay"};
  check_not_negative(args, not_negative);
  check_state(args, sgd_layout(), 2, momentum != 0.0,
              momentum != 0.0 ? "momentum is not 0" : "momentum is 0");
  GRADUS_CHECK(!args.attrs.boolean("nesterov") || (momentum > 0.0 && dampening == 0.0),
               "[{}] nesterov needs a momentum above 0 and no dampening, got {} and {}", args.op,
               momentum, dampening);
  const std::string& form = args.attrs.text("momentum_form");
  GRADUS_CHECK(form == "pytorch" || form == "lr_inside",
               "[{}] attribute 'momentum_form', expected 'pytorch' or 'lr_inside', got '{}'",
               args.op, form);
  return infer_step(args, sgd_layout());
}

std::vector<Sample> sgd_samples() {
  const StepLayout& layout = sgd_layout();
  const AttrList momentum{{"momentum", 0.9}};
  // The first step neither keeps nor dampens.
  std::vector<SampleInput> first = step_sample(layout, {4}, {"momentum_buffer", "step"});
  SampleInput& step = first[layout.lr() + 1];
  step.lo = 1, step.hi = 2;
  return {
      {.inputs = step_sample(layout, {3, 5}, {})},
      {.inputs = step_sample(layout, {7}, {"scale"}),
       .attrs = {{"weight_decay", 0.1}, {"maximize", true}}},
      {.inputs = step_sample(layout, {2, 9}, {"momentum_buffer", "step"}),
       .attrs = {{"momentum", 0.9}, {"dampening", 0.25}, {"weight_decay", 0.05}}},
      {.inputs = first, .attrs = {{"momentum", 0.9}, {"dampening", 0.25}}},
      {.inputs = step_sample(layout, {5}, {"momentum_buffer"}),
       .attrs = {{"momentum", 0.8}, {"nesterov", true}}},
      {.inputs = step_sample(layout, {5}, {"momentum_buffer", "scale"}),
       .attrs = {{"momentum", 0.8}, {"nesterov", true}, {"momentum_form", "lr_inside"}}},
      {.inputs = step_sample(layout, {6}, {"momentum_buffer", "step", "skip"}),
       .attrs = {{"momentum", 0.7}, {"momentum_form", "lr_inside"}}},
      {.inputs = step_sample(layout, {6}, {"momentum_buffer", "skip"}, true), .attrs = momentum},
      {.inputs = step_sample(layout, {}, {"momentum_buffer"}), .attrs = momentum},
      {.inputs = step_sample(layout, {1}, {})},
      {.inputs = step_sample(layout, {0, 3}, {"momentum_buffer"}), .attrs = momentum},
      {.inputs = step_sample(layout, {1 << 22}, {"momentum_buffer", "step"}),
       .attrs = momentum,
       .bench = true}};
}

}  // namespace gradus
