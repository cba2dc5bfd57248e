// SPDX-License-Identifier: Apache-2.0
#include "models/mlp.h"

#include <fmt/core.h>

#include "ops/ops.h"

namespace gradus {

namespace {

Value normalised(Place& place, std::string_view norm, size_t layer, Value x) {
  if (norm == "none") return x;
  const std::string path = fmt::format("norm{}", layer);
  return norm == "batch" ? batch_norm_layer(place, path, x) : layer_norm_layer(place, path, x);
}

}  // namespace

Value Mlp::build(Place& place, Value x) const {
  x = reshape(x, {x.shape()[0], x.shape().product(1, x.rank())});
  const LinearOptions options = {.init = init, .bias_init = Initialiser::constant(bias)};
  for (size_t i = 1; i <= hidden.size(); ++i) {
    x = linear_layer(place, fmt::format("fc{}", i), x, hidden[i - 1], options);
    x = normalised(place, norm, i, x);
    x = activation_layer(place, fmt::format("act{}", i), x, activation);
    x = classic ? classic_dropout_layer(place, x, dropout) : dropout_layer(place, x, dropout);
  }
  return linear_layer(place, fmt::format("fc{}", hidden.size() + 1), x, classes,
                      {.init = last_init});
}

}  // namespace gradus
