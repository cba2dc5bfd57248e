// SPDX-License-Identifier: Apache-2.0
// Names as files and commands say them, and the errors of wrong ones.
#pragma once

#include <string>

#include "training/recipe_keys.h"

namespace gradus {

// The key of that name. Throws invalid_argument that begins with `place` and says the nearest name.
const RecipeKey& recipe_key_named(const std::string& name, const std::string& place);

// Throws so where no key stands in a table of that name.
void check_recipe_table(const std::string& name, const std::string& place);

}  // namespace gradus
