// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "training/recipe.h"

namespace gradus {

// A key whose value differs between a run and a command that would go on with it. A value is "none"
// where the key does not apply.
struct RecipeDifference {
  std::string key;
  std::string run, command;
};

// In the order of recipe_keys(), without those that cannot change a result (free_on_resume).
std::vector<RecipeDifference> recipe_differences(const Recipe& run, const Recipe& command);

// Whether the key says which states a run has (weights, what the update rule remembers, averages):
// a checkpoint may not fit another value.
bool decides_states(const RecipeDifference& difference);

// "lr is 0.1 in the run and 0.2 in this command; ..."
std::string to_string(const std::vector<RecipeDifference>& differences);

}  // namespace gradus
