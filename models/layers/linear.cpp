// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {

Value linear_layer(Place& place, std::string_view name, Value x, int64_t out,
                   const LinearOptions& options) {
  GRADUS_CHECK(x.rank() >= 1 && out > 0,
               "[{}] linear layer, expected an input (..., in) and a positive size, got {} and {}",
               name, to_string(x.shape()), out);
  const Graph::Scope scope(place.graph, name);
  const int64_t in = x.shape()[x.rank() - 1];
  const Value weight = place.weight("weight", {out, in}, options.init);
  const Value bias = options.bias ? place.weight("bias", {out}, options.bias_init) : Value();
  return apply1("linear", {x, weight, bias});
}

Value embedding_layer(Place& place, std::string_view name, Value indices, int64_t count,
                      int64_t width, const Initialiser& init) {
  const Graph::Scope scope(place.graph, name);
  return apply1("embedding", {indices, place.weight("weight", {count, width}, init)});
}

Value dropout_layer(Place& place, Value x, double p) {
  if (!place.drops() || p == 0) return x;
  return apply1("dropout", {x}, {{"p", p}, {"training", true}});
}

Value classic_dropout_layer(Place& place, Value x, double p) {
  return p == 0 ? x : dropout_layer(place, x, p) * (1 - p);
}

Value activation_layer(Value x, std::string_view name) { return apply1(name, {x}); }

Value activation_layer(Place& place, std::string_view path, Value x, std::string_view name) {
  if (name != "prelu") return activation_layer(x, name);
  const Graph::Scope scope(place.graph, path);
  return apply1("prelu", {x, place.weight("weight", {1}, Initialiser::constant(0.25))});
}

}  // namespace gradus
