// SPDX-License-Identifier: Apache-2.0
// The one declaration of what a recipe may say: it feeds parsing, help and documentation.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "engine/op/attributes.h"

namespace gradus {

// A value of a recipe: boolean, integer, real, text or integers.
using KeyValue = AttrValue;

struct RecipeKey {
  std::string_view name;  // dotted: "optimizer.momentum"
  AttrType type;
  KeyValue default_value;
  std::string_view doc;
  // Bounds of a number, or of each entry of a list.
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices = {};  // of a text; empty: any
  // The key is legal where the key `when` (a text) has one of the values `is`; empty: always.
  std::string_view when = {};
  std::vector<std::string_view> is = {};
  // It cannot change a result: a run may go on with another value.
  bool free_on_resume = false;
};

const std::vector<RecipeKey>& recipe_keys();
const RecipeKey* find_recipe_key(std::string_view name);  // null where unknown

// One line per key: name, type, default, range or choices, meaning.
std::string recipe_keys_text();

}  // namespace gradus
