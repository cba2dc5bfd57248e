// SPDX-License-Identifier: Apache-2.0
#include "ops/rmsprop_rule.h"

namespace gradus {

const StepLayout& rmsprop_layout() {
  static const StepLayout* layout =
      new StepLayout{{{"square_avg"}},
                     {{"momentum_buffer", InputKind::optional}, {"grad_avg", InputKind::optional}}};
  return *layout;
}

std::vector<AttrSpec> rmsprop_attributes() {
  return {{"alpha", AttrType::real, 0.99},        {"eps", AttrType::real, 1e-8},
          {"weight_decay", AttrType::real, 0.0},  {"momentum", AttrType::real, 0.0},
          {"centered", AttrType::boolean, false}, {"maximize", AttrType::boolean, false}};
}

std::vector<TensorSpec> infer_rmsprop(const InferArgs& args) {
  const StepLayout& layout = rmsprop_layout();
  const std::string_view not_negative[] = {"alpha", "eps", "weight_decay", "momentum"};
  check_not_negative(args, not_negative);
  const bool momentum = args.attrs.real("momentum") != 0.0,
             centered = args.attrs.boolean("centered");
  check_state(args, layout, layout.skip() + 1, momentum,
              momentum ? "momentum is not 0" : "momentum is 0");
  check_state(args, layout, layout.skip() + 2, centered,
              centered ? "centered is true" : "centered is false");
  return infer_step(args, layout);
}

std::vector<Sample> rmsprop_samples() {
  const StepLayout& layout = rmsprop_layout();
  return {
      {.inputs = step_sample(layout, {3, 5}, {})},
      {.inputs = step_sample(layout, {7}, {"step", "scale"}),
       .attrs = {{"weight_decay", 0.1}, {"alpha", 0.9}, {"eps", 1e-3}, {"maximize", true}}},
      {.inputs = step_sample(layout, {2, 9}, {"momentum_buffer"}), .attrs = {{"momentum", 0.9}}},
      {.inputs = step_sample(layout, {9}, {"grad_avg"}),
       .attrs = {{"centered", true}, {"eps", 1e-2}}},
      {.inputs = step_sample(layout, {9}, {"momentum_buffer", "grad_avg", "skip"}),
       .attrs = {{"centered", true}, {"momentum", 0.5}}},
      {.inputs = step_sample(layout, {6}, {"momentum_buffer", "grad_avg", "skip"}, true),
       .attrs = {{"centered", true}, {"momentum", 0.5}}},
      {.inputs = step_sample(layout, {}, {})},
      {.inputs = step_sample(layout, {1}, {})},
      {.inputs = step_sample(layout, {0, 3}, {})},
      {.inputs = step_sample(layout, {1 << 22}, {"momentum_buffer"}),
       .attrs = {{"momentum", 0.9}},
       .bench = true}};
}

}  // namespace gradus
