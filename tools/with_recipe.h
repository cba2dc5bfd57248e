// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/recipe.h"

namespace gradus {

// Loads a recipe and hands it to `work`, whose result it returns. An error of `work` that is about
// one of the recipe's keys, `[KEY] ...`, begins with the place where that key was said: of a value
// that only data or model show to be wrong.
int with_recipe(const std::string& path, const std::vector<std::string>& settings,
                const std::function<int(const Recipe&)>& work);

}  // namespace gradus
