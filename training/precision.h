// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "engine/base/dtype.h"
#include "training/recipe.h"

namespace gradus {

// What a recipe's `precision` comes to. bf16 and f16 are mixed: weights, the update rule's memory
// and sums stay f32, products are computed from `low` (engine/passes: autocast).
struct Precision {
  DType parameters = DType::f32;
  std::optional<DType> low = {};

  // Gradients of f16 need a loss scale (loss_scale.h).
  bool scaled() const { return low == DType::f16; }
};

Precision precision_of(const Recipe& recipe);

}  // namespace gradus
