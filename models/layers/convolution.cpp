// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {

Value conv2d_layer(Place& place, std::string_view name, Value x, int64_t out,
                   const ConvOptions& options) {
  GRADUS_CHECK(x.rank() == 4 && out > 0,
               "[{}] convolution layer, expected an input (batch, in, height, width) and a "
               "positive size, got {} and {}",
               name, to_string(x.shape()), out);
  const Graph::Scope scope(place.graph, name);
  const int64_t k = options.kernel;
  const Value weight = place.weight("weight", {out, x.shape()[1], k, k}, options.init);
  const Value bias = options.bias ? place.weight("bias", {out}, Initialiser::constant(0)) : Value();
  return apply1("conv2d", {x, weight, bias},
                {{"stride", options.stride}, {"padding", options.padding}});
}

}  // namespace gradus
