// SPDX-License-Identifier: Apache-2.0
#include "models/mlp.h"

#include <fmt/core.h>

#include "ops/ops.h"

namespace gradus {

Value Mlp::build(Place& place, Value x) const {
  x = reshape(x, {x.shape()[0], x.shape().product(1, x.rank())});
  const LinearOptions options = {.init = init};
  for (size_t i = 0; i < hidden.size(); ++i) {
    x = linear_layer(place, fmt::format("fc{}", i + 1), x, hidden[i], options);
    x = dropout_layer(place, activation_layer(x, activation), dropout);
  }
  return linear_layer(place, fmt::format("fc{}", hidden.size() + 1), x, classes);
}

}  // namespace gradus
