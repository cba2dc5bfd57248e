// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/optimizer_step.h"

namespace gradus {

// What adagrad_step and its composite twin have in common.
const StepLayout& adagrad_layout();
std::vector<AttrSpec> adagrad_attributes();
std::vector<TensorSpec> infer_adagrad(const InferArgs& args);
std::vector<Sample> adagrad_samples();

}  // namespace gradus
