// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {

// Gates stand in PyTorch's order (input, forget, cell, output). The forget gate's bias starts at 1
// (Gers et al. 2000): cells keep what they have until they learn to forget.
Value lstm_layer(Place& place, std::string_view name, Value x, int64_t hidden, int64_t layers) {
  GRADUS_CHECK(x.rank() == 3, "[{}] lstm layer, expected an input (batch, seq, width), got {}",
               name, to_string(x.shape()));
  const Graph::Scope scope(place.graph, name);
  std::vector<Value> inputs = {x, Value(), Value(), Value()};  // hx, cx: zeros; lengths: whole rows
  const Initialiser init = Initialiser::xavier_uniform();
  for (int64_t layer = 0; layer < layers; ++layer) {
    const int64_t in = layer == 0 ? x.shape()[2] : hidden;
    const Initialiser zero = Initialiser::constant(0);
    inputs.push_back(place.weight(fmt::format("weight_ih_l{}", layer), {4 * hidden, in}, init));
    inputs.push_back(place.weight(fmt::format("weight_hh_l{}", layer), {4 * hidden, hidden},
                                  Initialiser::orthogonal()));
    inputs.push_back(place.weight(fmt::format("bias_ih_l{}", layer), {4 * hidden}, zero));
    inputs.push_back(place.weight(fmt::format("bias_hh_l{}", layer), {4 * hidden}, zero));
  }
  const AttrList attrs{{"num_layers", layers}, {"batch_first", true}};
  if (!place.decoding) return apply1("lstm", inputs, attrs);
  const Shape kept{layers, x.shape()[0], hidden};
  inputs[1] = place.cache("hidden_cache", kept);
  inputs[2] = place.cache("cell_cache", kept);
  const std::vector<Value> results = gradus::apply("lstm", inputs, attrs);
  place.graph.update(inputs[1], results[1]);
  place.graph.update(inputs[2], results[2]);
  return results[0];
}

}  // namespace gradus
