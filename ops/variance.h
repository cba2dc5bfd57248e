// SPDX-License-Identifier: Apache-2.0
// What var and std share.
#pragma once

#include "ops/reduction.h"

namespace gradus {

std::vector<AttrSpec> variance_attributes();
std::vector<TensorSpec> infer_variance(const InferArgs& args);
// `dvar` * d var / d x, for the gradient of the variance `dvar` in the shape of the result.
// Infinite or NaN where the degrees of freedom are used up, as in PyTorch.
Value variance_gradient(const GradArgs& args, Value dvar);
std::vector<Sample> variance_samples();

}  // namespace gradus
