// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/optimizer_step.h"

namespace gradus {

// What sgd_step and its composite twin have in common.
const StepLayout& sgd_layout();
std::vector<AttrSpec> sgd_attributes();
std::vector<TensorSpec> infer_sgd(const InferArgs& args);
std::vector<Sample> sgd_samples();

}  // namespace gradus
