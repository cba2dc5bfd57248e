// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "models/layers/layer.h"

namespace gradus {

// Linear layers with an activation between them, on the flattened input.
struct Mlp {
  std::vector<int64_t> hidden = {512};
  int64_t classes = 10;
  std::string activation = "relu";
  double dropout = 0;  // behind each activation
  Initialiser init =
      Initialiser::he_normal();  // of all but the last layer, whose logits start small

  // x (batch, ...) -> logits (batch, classes).
  Value build(Place& place, Value x) const;
};

}  // namespace gradus
