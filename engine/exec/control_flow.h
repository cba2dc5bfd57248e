// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "engine/exec/stepwise.h"

namespace gradus {

// Runs a branch, loop or scan node (graph/control_flow.h) on its inputs and returns its outputs.
std::vector<Tensor> run_control_flow(const Node& node, std::span<const Tensor> inputs,
                                     const StepwiseOptions& options);

}  // namespace gradus
