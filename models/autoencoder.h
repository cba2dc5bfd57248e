// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "models/layers/layer.h"

namespace gradus {

// Linear layers that narrow a sample to a code and widen it again: `hidden` from the sample on,
// then the code, then `hidden` backwards, with an activation behind each but the code and the last.
struct Autoencoder {
  std::vector<int64_t> hidden = {128};
  int64_t code = 16;
  std::string activation = "relu";
  Initialiser init = Initialiser::he_normal();  // of all layers but the last

  // x (batch, ...) -> what it makes of it, flat: (batch, numbers of a sample).
  Value build(Place& place, Value x) const;
};

}  // namespace gradus
