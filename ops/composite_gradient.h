// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "engine/graph/grad_args.h"

namespace gradus {

// The op's formula, written with public ops: from its inputs (null where absent) to its outputs.
using Twin = std::function<std::vector<Value>(const std::vector<Value>& in)>;

// The gradient of an op as the gradient of its twin. For backward ops, so that derivatives of every
// order exist; forward ops have hand-written gradients. The twin must be the same function of each
// input *as an independent variable*: an input that was computed from another one (a saved mean) is
// differentiated by its own path.
std::vector<Value> composite_gradients(GradArgs& args, const Twin& twin);

}  // namespace gradus
