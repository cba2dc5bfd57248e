// SPDX-License-Identifier: Apache-2.0
#include "models/cnn.h"

#include <fmt/core.h>

#include "ops/ops.h"

namespace gradus {

Value Cnn::build(Place& place, Value x) const {
  for (size_t i = 0; i < channels.size(); ++i) {
    const Graph::Scope scope(place.graph, fmt::format("block{}", i + 1));
    x = conv2d_layer(place, "conv", x, channels[i], {.init = init});
    x = activation_layer(place, "act", batch_norm_layer(place, "norm", x), activation);
    x = apply1("max_pool2d", {x}, {{"kernel_size", 2}});
  }
  x = reshape(x, {x.shape()[0], x.shape().product(1, x.rank())});
  const LinearOptions options = {.init = init};
  for (size_t i = 0; i < hidden.size(); ++i) {
    x = linear_layer(place, fmt::format("fc{}", i + 1), dropout_layer(place, x, dropout), hidden[i],
                     options);
    x = activation_layer(place, fmt::format("act{}", i + 1), x, activation);
  }
  return linear_layer(place, fmt::format("fc{}", hidden.size() + 1),
                      dropout_layer(place, x, dropout), classes);
}

}  // namespace gradus
