// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_difference.h"

#include <algorithm>

#include <fmt/format.h>

namespace gradus {
namespace {

std::string text_of(const KeyValue* value) { return value ? to_string(*value) : "none"; }

bool is_same(const KeyValue* a, const KeyValue* b) { return a && b ? *a == *b : a == b; }

}  // namespace

std::vector<RecipeDifference> recipe_differences(const Recipe& run, const Recipe& command) {
  std::vector<RecipeDifference> differences;
  const auto compare = [&](const RecipeKey& key) {
    const KeyValue *before = run.value(key.name), *now = command.value(key.name);
    if (!key.free_on_resume && !is_same(before, now))
      differences.push_back({std::string(key.name), text_of(before), text_of(now)});
  };
  for (const Recipe::Setting& setting : run.settings()) compare(*setting.key);
  for (const Recipe::Setting& setting : command.settings())
    if (!run.has(setting.key->name)) compare(*setting.key);
  return differences;
}

bool decides_states(const RecipeDifference& difference) {
  constexpr std::string_view beginnings[] = {"model.",     "data.",    "optimizer.", "lookahead.",
                                             "average.",   "freeze.",  "guard.",     "sam.",
                                             "accumulate", "precision"};
  return std::ranges::any_of(beginnings, [&](std::string_view beginning) {
    return difference.key.starts_with(beginning);
  });
}

std::string to_string(const std::vector<RecipeDifference>& differences) {
  std::string text;
  for (const RecipeDifference& difference : differences)
    text += fmt::format("{}{} is {} in the run and {} in this command", text.empty() ? "" : "; ",
                        difference.key, difference.run, difference.command);
  return text;
}

}  // namespace gradus
