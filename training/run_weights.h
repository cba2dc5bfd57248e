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
  int64_t checkpoint = final_weights;           // after this optimizer step, or one of these:
  static constexpr int64_t final_weights = -1;  // those of the finished run
  static constexpr int64_t best = -2;           // the best checkpoint (`checkpoint.best`)
  WeightsChoice choice = WeightsChoice::automatic;
};

// A step's number, "best", or nothing for the finished run's. Throws invalid_argument.
int64_t parse_checkpoint_choice(const std::string& text);

// The recipe of a run that has these weights. Throws not_found naming what is missing: where `run`
// is no run, is not finished, or has no such checkpoint; bad_data where the checkpoint is damaged.
Recipe recipe_of_run(const std::string& run, const RunWeights& wanted);

// Puts them into the states of the run's model. Throws as recipe_of_run and load_weights.
void load_run_weights(const std::string& run, const RunWeights& wanted,
                      const ParameterTable& parameters, StateStore& states);

}  // namespace gradus
