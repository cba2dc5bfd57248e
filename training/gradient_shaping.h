// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "training/optimizer.h"

namespace gradus {

// Takes the gradients of weights that never train away, so that nothing computes them.
void drop_frozen(const Optimizer& optimizer, const ParameterTable& parameters,
                 std::span<const Value> weights, std::vector<Value>& gradients);

// The gradients as the update rule is to see them, in this order: nothing for weights that do not
// train yet, plus the penalties' slopes, each component limited, all of them limited to the norm
// `clip` (0: not), plus noise. Returns the norm before the last two in `norm` where it is asked for
// or known.
std::vector<Value> shaped_gradients(const Optimizer& optimizer, double clip,
                                    const ParameterTable& parameters,
                                    std::span<const Value> weights, std::vector<Value> gradients,
                                    Value step, bool norm_wanted, Value& norm);

}  // namespace gradus
