// SPDX-License-Identifier: Apache-2.0
#include "ops/adagrad_rule.h"

#include "engine/base/error.h"

namespace gradus {

const StepLayout& adagrad_layout() {
  static const StepLayout* layout = new StepLayout{{{"state_sum"}}, {}};
  return *layout;
}

std::vector<AttrSpec> adagrad_attributes() {
  return {{"lr_decay", AttrType::real, 0.0},
          {"weight_decay", AttrType::real, 0.0},
          {"eps", AttrType::real, 1e-10},
          {"maximize", AttrType::boolean, false}};
}

std::vector<TensorSpec> infer_adagrad(const InferArgs& args) {
  const std::string_view not_negative[] = {"lr_decay", "weight_decay", "eps"};
  check_not_negative(args, not_negative);
  GRADUS_CHECK(args.attrs.real("lr_decay") == 0.0 || args.has(adagrad_layout().lr() + 1),
               "[{}] attribute 'lr_decay' needs the input 'step'", args.op);
  return infer_step(args, adagrad_layout());
}

std::vector<Sample> adagrad_samples() {
  const StepLayout& layout = adagrad_layout();
  return {{.inputs = step_sample(layout, {3, 5}, {})},
          {.inputs = step_sample(layout, {7}, {"step", "scale"}),
           .attrs = {{"weight_decay", 0.1}, {"lr_decay", 0.2}, {"eps", 1e-3}, {"maximize", true}}},
          {.inputs = step_sample(layout, {6}, {"skip"})},
          {.inputs = step_sample(layout, {6}, {"step", "skip"}, true)},
          {.inputs = step_sample(layout, {}, {})},
          {.inputs = step_sample(layout, {1}, {})},
          {.inputs = step_sample(layout, {0, 3}, {})},
          {.inputs = step_sample(layout, {1 << 22}, {"step"}), .bench = true}};
}

}  // namespace gradus
