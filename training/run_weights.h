// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/exec/state_store.h"
#include "models/layers/parameter_table.h"
#include "training/recipe.h"
#include "training/weights.h"

namespace gradus {

// Which weights of a run are meant.
struct RunWeights {
  int64_t checkpoint = -1;  // after this optimizer step; negative: those of the finished run
  WeightsChoice choice = WeightsChoice::automatic;
};

// The recipe of a run that has these weights. Throws not_found naming what is missing: where `run`
// is no run, is not finished, or has no such checkpoint; bad_data where the checkpoint is damaged.
Recipe recipe_of_run(const std::string& run, const RunWeights& wanted);

// Puts them into the states of the run's model. Throws as recipe_of_run and load_weights.
void load_run_weights(const std::string& run, const RunWeights& wanted,
                      const ParameterTable& parameters, StateStore& states);

}  // namespace gradus
