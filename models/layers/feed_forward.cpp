// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {

Value feed_forward_layer(Place& place, std::string_view name, Value x,
                         const FeedForwardOptions& options) {
  GRADUS_CHECK(x.rank() >= 1 && options.hidden >= 0,
               "[{}] feed-forward layer, expected an input (..., width) and a hidden size of at "
               "least 0, got {} and {}",
               name, to_string(x.shape()), options.hidden);
  const Graph::Scope scope(place.graph, name);
  const int64_t width = x.shape()[x.rank() - 1];
  const int64_t hidden = options.hidden > 0 ? options.hidden : 4 * width;
  x = linear_layer(place, "c_fc", x, hidden, options.in);
  x = apply1(options.activation, {x}, options.activation_attributes);
  return linear_layer(place, "c_proj", x, width, options.out);
}

Value residual_layer(Place& place, std::string_view name, Value x,
                     const std::function<Value(Value)>& part, bool projection) {
  const Graph::Scope scope(place.graph, name);
  const Value y = part(x);
  if (y.shape() == x.shape()) return y + x;
  Shape wanted = x.shape();
  if (x.rank() >= 1 && y.rank() == x.rank()) wanted[x.rank() - 1] = y.shape()[x.rank() - 1];
  GRADUS_CHECK(projection && y.shape() == wanted,
               "[{}] residual layer, expected a part that gives {}{}, got {}", name,
               to_string(x.shape()), projection ? " or another last dim" : "",
               to_string(y.shape()));
  const int64_t width = y.shape()[y.rank() - 1];
  return y + linear_layer(place, "shortcut", x, width, {.bias = false});
}

}  // namespace gradus
