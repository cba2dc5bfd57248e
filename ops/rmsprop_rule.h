// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/optimizer_step.h"

namespace gradus {

// What rmsprop_step and its composite twin have in common.
const StepLayout& rmsprop_layout();
std::vector<AttrSpec> rmsprop_attributes();
std::vector<TensorSpec> infer_rmsprop(const InferArgs& args);
std::vector<Sample> rmsprop_samples();

}  // namespace gradus
