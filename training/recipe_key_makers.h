// SPDX-License-Identifier: Apache-2.0
// What the tables of recipe keys are written with.
#pragma once

#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "training/recipe_keys.h"

namespace gradus::keys {

using Names = std::vector<std::string_view>;
using Keys = std::vector<RecipeKey>;

inline constexpr double unbounded = std::numeric_limits<double>::infinity();
inline constexpr double above_zero = std::numeric_limits<double>::denorm_min();
inline constexpr double below_one = 1 - std::numeric_limits<double>::epsilon() / 2;
inline constexpr int64_t large = 1 << 30;

RecipeKey integer(std::string_view name, int64_t value, int64_t least, int64_t most,
                  std::string_view doc);
RecipeKey integers(std::string_view name, KeyValue::Integers value, int64_t least,
                   std::string_view doc);
RecipeKey real(std::string_view name, double value, double least, double most,
               std::string_view doc);
RecipeKey flag(std::string_view name, bool value, std::string_view doc);
// `choices` empty: any text.
RecipeKey text(std::string_view name, std::string_view value, Names choices, std::string_view doc);

// The integer with words that stand for values outside of its bounds.
RecipeKey with_words(RecipeKey key, std::vector<std::pair<std::string_view, int64_t>> words);
// The text, empty or one that `accepts` takes.
RecipeKey of_form(RecipeKey key, bool (*accepts)(std::string_view), std::string_view form);

// Several texts. Without entries by default.
RecipeKey texts(std::string_view name, std::string_view doc);

// The key with other defaults where the key `by` (a text) has certain values.
RecipeKey defaults(RecipeKey key, std::string_view by,
                   std::vector<std::pair<std::string_view, KeyValue>> values);
// The key of something that cannot change a result.
RecipeKey free_on_resume(RecipeKey key);
// The keys, legal only where the key `when` is one of `is`.
Keys only(std::string_view when, const Names& is, Keys keys);
Keys joined(std::initializer_list<Keys> parts);

// The tables that have files of their own.
Keys schedule_keys();
Keys optimizer_keys();
Keys regularisation_keys();
Keys loss_keys();

}  // namespace gradus::keys
