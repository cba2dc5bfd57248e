// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/exec/state_store.h"
#include "engine/io/safetensors.h"
#include "models/layers/parameter_table.h"

namespace gradus {

// What of a model outlives its training: weights and running statistics, not the optimizer's
// memory.
NamedTensors model_tensors(const ParameterTable& parameters, const StateStore& states);

// Copies a file's tensors into the states of a model. Throws as load_safetensors, and bad_data
// where a tensor is missing, has another dtype or shape, or does not belong to the model.
void load_weights(const std::string& path, const ParameterTable& parameters, StateStore& states);

}  // namespace gradus
