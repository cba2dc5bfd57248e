// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "models/layers/layer.h"

namespace gradus {

// Blocks of 3x3 convolution, batch norm, activation and 2x2 max pooling, then linear layers.
struct Cnn {
  std::vector<int64_t> channels = {32, 64};  // of each block
  std::vector<int64_t> hidden = {128};       // linear layers before the last
  int64_t classes = 10;
  std::string activation = "relu";
  double dropout = 0;  // before each linear layer
  Initialiser init =
      Initialiser::he_normal();  // of all but the last layer, whose logits start small

  // x (batch, channels, height, width) -> logits (batch, classes).
  Value build(Place& place, Value x) const;
};

}  // namespace gradus
