// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "models/layers/layer.h"

namespace gradus {

// A matrix (nodes, nodes) in compressed rows: i64 (nodes + 1) and (entries), f64 (entries).
struct NodeMatrix {
  Tensor crow, col, values;
};

// A graph convolutional network: each layer multiplies by its weights, then by `matrix`, which
// mixes every node with its neighbours (Kipf and Welling 2017: H' = act(M H W + b)).
struct Gcn {
  NodeMatrix matrix;
  std::vector<int64_t> hidden = {16};
  int64_t classes = 2;
  std::string activation = "relu";
  double dropout = 0;  // in front of each layer
  Initialiser init = Initialiser::named("xavier_uniform");

  // x (1, nodes, features) -> logits (1, nodes, classes).
  Value build(Place& place, Value x) const;
};

}  // namespace gradus
