// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "models/layers/layer.h"

namespace gradus {

// Linear layers with an activation between them, and a norm before it, on the flattened input.
struct Mlp {
  std::vector<int64_t> hidden = {512};
  int64_t classes = 10;
  std::string activation = "relu";
  std::string norm = "none";                    // "batch", "layer"
  double dropout = 0;                           // behind each activation
  bool classic = false;                         // in the form that scales outside of training
  Initialiser init = Initialiser::he_normal();  // of all layers but the last,
  Initialiser last_init = Initialiser::fan_in_uniform();  // whose logits start small
  double bias = 0;                                        // of all layers but the last, at first

  // x (batch, ...) -> logits (batch, classes).
  Value build(Place& place, Value x) const;
};

}  // namespace gradus
