// SPDX-License-Identifier: Apache-2.0
#include "models/layers/parameter_table.h"

#include <algorithm>

#include "engine/base/error.h"

namespace gradus {

void ParameterTable::add(const Parameter& parameter) {
  const Parameter* known = find(parameter.name);
  if (known == nullptr) {
    parameters_.push_back(parameter);
    return;
  }
  GRADUS_CHECK(known->spec == parameter.spec && known->role == parameter.role,
               "parameter '{}' is {} already, not {}", parameter.name, to_string(known->spec),
               to_string(parameter.spec));
}

const Parameter* ParameterTable::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  return found == parameters_.end() ? nullptr : &*found;
}

int64_t ParameterTable::count(ParameterRole role) const {
  int64_t total = 0;
  for (const Parameter& parameter : parameters_)
    if (parameter.role == role) total += parameter.spec.numel();
  return total;
}

int64_t ParameterTable::bytes(ParameterRole role) const {
  int64_t total = 0;
  for (const Parameter& parameter : parameters_)
    if (parameter.role == role) total += parameter.spec.bytes();
  return total;
}

}  // namespace gradus
