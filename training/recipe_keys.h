// SPDX-License-Identifier: Apache-2.0
// The one declaration of what a recipe may say: it feeds parsing, help and documentation.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/op/attributes.h"

namespace gradus {

// A value of a recipe: boolean, integer, real, text, integers or reals.
using KeyValue = AttrValue;

struct RecipeKey {
  // Dotted: "optimizer.momentum". A part `*` stands for any name that a recipe chooses:
  // "optimizer.groups.*.match".
  std::string_view name;
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
  // Other defaults where the key `defaults_by` (a text) has one of these values.
  std::string_view defaults_by = {};
  std::vector<std::pair<std::string_view, KeyValue>> defaults = {};
  bool list = false;  // a text that is several, with commas between them
  // Words that stand for values of an integer outside of its bounds: "auto".
  std::vector<std::pair<std::string_view, int64_t>> words = {};
  // Whether a text says what it should, beyond `choices`; null: any does. Then `form` says how.
  bool (*accepts)(std::string_view) = nullptr;
  std::string_view form = {};

  bool is_pattern() const { return name.find('*') != std::string_view::npos; }
};

// Values of `batch` that stand for what its words say.
inline constexpr int64_t auto_batch = std::numeric_limits<int64_t>::min();
inline constexpr int64_t full_batch = auto_batch + 1;

const std::vector<RecipeKey>& recipe_keys();
// Null where unknown. For a name that fits a key with a part `*`, that key by this name. Lives as
// long as the program.
const RecipeKey* find_recipe_key(std::string_view name);

// The numbers that a key takes, as "at least 0" or "0 to 1", with `words` before the least; empty
// where it takes all.
std::string number_range(const RecipeKey& key, std::string_view words = {});

// One line per key: name, type, default, range or choices, meaning.
std::string recipe_keys_text();

}  // namespace gradus
