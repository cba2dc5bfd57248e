// SPDX-License-Identifier: Apache-2.0
#include "models/layers/layer.h"

namespace gradus {

Value Place::weight(std::string_view name, const Shape& shape, const Initialiser& init) {
  const Value value = graph.state(name, dtype, shape);
  parameters.add({graph.node(value.node()).name, value.spec(), init, ParameterRole::weight,
                  shape.rank() >= 2});
  return value;
}

Value Place::buffer(std::string_view name, const Shape& shape, double value) {
  const Value state = graph.state(name, dtype, shape);
  parameters.add({graph.node(state.node()).name, state.spec(), Initialiser::constant(value),
                  ParameterRole::buffer, false});
  return state;
}

void Place::update_buffer(Value buffer, Value next) {
  if (held_updates != nullptr)
    held_updates->emplace_back(buffer, next);
  else
    graph.update(buffer, next);
}

Value Place::cache(std::string_view name, const Shape& shape) {
  return graph.state(name, dtype, shape);
}

}  // namespace gradus
