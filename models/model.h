// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "models/layers/layer.h"

namespace gradus {

// A model is a function that adds its forward pass to a graph: from an input to logits over classes
// in the last dim. Images are (batch, channels, height, width), tokens (batch, seq). Each
// architecture has one file: a struct of sizes and `build`.
using Model = std::function<Value(Place&, Value)>;

}  // namespace gradus
