// SPDX-License-Identifier: Apache-2.0
#include "training/weights.h"

#include "engine/base/error.h"

namespace gradus {

NamedTensors model_tensors(const ParameterTable& parameters, const StateStore& states) {
  NamedTensors tensors;
  for (const Parameter& parameter : parameters.all())
    if (parameter.role != ParameterRole::optimizer)
      tensors[parameter.name] = states.get(parameter.name);
  return tensors;
}

void load_weights(const std::string& path, const ParameterTable& parameters, StateStore& states) {
  const Safetensors file = load_safetensors(path);
  for (const Parameter& parameter : parameters.all()) {
    const auto found = file.tensors.find(parameter.name);
    if (found == file.tensors.end())
      failf(ErrorKind::bad_data, path, "the tensor '{}' is missing", parameter.name);
    const TensorSpec spec{found->second.dtype(), found->second.shape()};
    if (spec != parameter.spec)
      failf(ErrorKind::bad_data, path, "the tensor '{}', expected {}, got {}", parameter.name,
            to_string(parameter.spec), to_string(spec));
    states.set(parameter.name, found->second);
  }
  for (const auto& [name, tensor] : file.tensors)
    if (parameters.find(name) == nullptr)
      failf(ErrorKind::bad_data, path, "the tensor '{}' does not belong to the recipe's model",
            name);
}

}  // namespace gradus
