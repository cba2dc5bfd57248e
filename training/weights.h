// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "engine/exec/state_store.h"
#include "engine/io/safetensors.h"
#include "models/layers/parameter_table.h"
#include "training/averages.h"

namespace gradus {

// What of a model outlives its training: weights and running statistics, not the optimizer's
// memory.
NamedTensors model_tensors(const ParameterTable& parameters, const StateStore& states);

// Copies a file's tensors into the states of a model, of a run that averaged its weights the
// averages unless `choice` is raw. Throws as load_safetensors, check_tensors_hash and check_choice,
// and bad_data where a tensor is missing, has another dtype or shape, or does not belong to the
// model.
void load_weights(const std::string& path, const ParameterTable& parameters, StateStore& states,
                  WeightsChoice choice = WeightsChoice::automatic);

// Puts the tensors of model_tensors, averages among them, back as the file holds them; it must have
// its hash. Throws as load_weights.
void restore_weights(const std::string& path, const ParameterTable& parameters, StateStore& states);

// Starts a model's weights and buffers from a finished run, a checkpoint or a .safetensors file
// (the weights themselves, not their averages): all of them but those whose names fit `skip`.
// Throws not_found where there is no such file, and bad_data, naming them, where tensors are
// missing, are not the model's, or have another dtype or shape.
void start_from(const std::string& run_or_file, std::span<const std::string> skip,
                const ParameterTable& parameters, StateStore& states);

}  // namespace gradus
