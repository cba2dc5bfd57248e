// SPDX-License-Identifier: Apache-2.0
#include "models/gcn.h"

#include <fmt/core.h>

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {
namespace {

struct Neighbours {
  Value crow, col, values;
};

// x (nodes, in) -> (nodes, out). The product with the weights comes first: it is the narrower one
// wherever out is below in.
Value convolution(Place& place, std::string_view name, const Neighbours& matrix, Value x,
                  int64_t out, const Initialiser& init) {
  const Graph::Scope scope(place.graph, name);
  const Value own = linear_layer(place, "lin", x, out, {.bias = false, .init = init});
  const Value mixed = apply1("spmm", {matrix.crow, matrix.col, matrix.values, own});
  return mixed + place.weight("bias", {out}, Initialiser::constant(0));
}

}  // namespace

Value Gcn::build(Place& place, Value x) const {
  const int64_t nodes = matrix.crow.numel() - 1;
  GRADUS_CHECK(x.rank() == 3 && x.shape()[0] == 1 && x.shape()[1] == nodes,
               "[gcn] expected an input (1, {}, features), got {}", nodes, to_string(x.shape()));
  const Neighbours neighbours{place.graph.constant(matrix.crow), place.graph.constant(matrix.col),
                              place.graph.constant(matrix.values.cast(place.dtype))};
  x = reshape(x, {nodes, x.shape()[2]});
  for (size_t i = 0; i < hidden.size(); ++i) {
    x = dropout_layer(place, x, dropout);
    x = convolution(place, fmt::format("conv{}", i + 1), neighbours, x, hidden[i], init);
    x = activation_layer(x, activation);
  }
  x = dropout_layer(place, x, dropout);
  x = convolution(place, fmt::format("conv{}", hidden.size() + 1), neighbours, x, classes, init);
  return reshape(x, {1, nodes, classes});
}

}  // namespace gradus
