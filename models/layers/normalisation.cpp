// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {

Value batch_norm_layer(Place& place, std::string_view name, Value x, double momentum, double eps,
                       double initial_scale) {
  GRADUS_CHECK(x.rank() >= 2,
               "[{}] batch norm layer, expected an input (batch, channels, ...), got {}", name,
               to_string(x.shape()));
  const Graph::Scope scope(place.graph, name);
  const Shape channels = {x.shape()[1]};
  const Value mean = place.buffer("running_mean", channels, 0);
  const Value variance = place.buffer("running_var", channels, 1);
  const Value weight = place.weight("weight", channels, Initialiser::constant(initial_scale));
  const Value bias = place.weight("bias", channels, Initialiser::constant(0));
  const std::vector<Value> results =
      apply("batch_norm", {x, mean, variance, weight, bias},
            {{"training", place.training}, {"momentum", momentum}, {"eps", eps}});
  if (place.training) {
    place.update_buffer(mean, results[1]);
    place.update_buffer(variance, results[2]);
  }
  return results[0];
}

Value layer_norm_layer(Place& place, std::string_view name, Value x, double eps) {
  const Graph::Scope scope(place.graph, name);
  const Shape width = {x.shape()[x.rank() - 1]};
  const Value weight = place.weight("weight", width, Initialiser::constant(1));
  const Value bias = place.weight("bias", width, Initialiser::constant(0));
  return apply1("layer_norm", {x, weight, bias}, {{"normalized_shape", width}, {"eps", eps}});
}

}  // namespace gradus
