// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "training/recipe_keys.h"

namespace gradus {

// A value as TOML, of the key that it belongs to.
std::string toml_value(const RecipeKey& key, const KeyValue& value);

// The texts of a list key's value: between commas, without the spaces around them and empty ones.
std::vector<std::string> split_texts(std::string_view text);

}  // namespace gradus
