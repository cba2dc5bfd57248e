// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "training/tune/search_space.h"

namespace gradus {

// Reads what a search may set: TOML in which every key is one of recipes, and its value a list of
// choices, as `lr = [0.1, 0.01]`, or a range,
// `lr = {min = 1e-4, max = 1, scale = "log", type = "float", steps = 5}`, of which all but min and
// max may be left out: then it is linear, of integers where the key is, and has no steps.
// Throws invalid_argument beginning with `NAME:LINE:COLUMN:` as parse_recipe, for unknown keys,
// values that the key may not have, choices that stand there twice, and keys that say how a
// run runs (RecipeKey::free_on_resume).
SearchSpace parse_search_space(const std::string& text, const std::string& name,
                               const Recipe& base);

}  // namespace gradus
