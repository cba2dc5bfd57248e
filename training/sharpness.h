// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "engine/graph/value.h"

namespace gradus {

// Sharpness-aware minimisation (Foret et al. 2021): the gradients of `loss` with every weight w
// moved to w + rho g / |g|, where g is its gradient and |g| the norm of all of them together. The
// loss is computed a second time from the same draws of dropout; states keep what the first one
// made of them. `slopes` are the gradients at the weights, absent where there is none.
std::vector<Value> sharp_gradients(Value loss, std::span<const Value> weights,
                                   std::span<const Value> slopes, double rho);

}  // namespace gradus
