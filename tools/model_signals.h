// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "training/recipe.h"

namespace gradus {

// What a layer's first weights make of a signal, over all elements and samples of a batch.
struct LayerSignal {
  std::string layer;    // its path
  double output = 0;    // variance of what it hands on,
  double gradient = 0;  // and of the loss's gradient by that
};

// Of the layers of a recipe's model in the order in which they run, on the first batch of training
// data, by its precision's parameters.
std::vector<LayerSignal> first_signals(const Recipe& recipe,
                                       const std::shared_ptr<const Dataset>& data);

}  // namespace gradus
