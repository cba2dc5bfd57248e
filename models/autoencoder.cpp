// SPDX-License-Identifier: Apache-2.0
#include "models/autoencoder.h"

#include <fmt/core.h>

#include "ops/ops.h"

namespace gradus {

Value Autoencoder::build(Place& place, Value x) const {
  const int64_t numbers = x.shape().product(1, x.rank());
  x = reshape(x, {x.shape()[0], numbers});
  const auto layer = [&](std::string_view half, size_t number, int64_t width) {
    const std::string path = fmt::format("{}.fc{}", half, number);
    const Value inner = linear_layer(place, path, x, width, {.init = init});
    return activation_layer(place, fmt::format("{}.act{}", half, number), inner, activation);
  };
  for (size_t i = 0; i < hidden.size(); ++i) x = layer("encoder", i + 1, hidden[i]);
  x = linear_layer(place, "encoder.code", x, code, {.init = init});
  for (size_t i = 0; i < hidden.size(); ++i)
    x = layer("decoder", i + 1, hidden[hidden.size() - 1 - i]);
  return linear_layer(place, "decoder.out", x, numbers);
}

}  // namespace gradus
