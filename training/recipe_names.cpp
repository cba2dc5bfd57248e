// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_names.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

std::string_view leaf_of(std::string_view key) { return key.substr(key.find('.') + 1); }

// The pattern a.*.b with what stands at the place of its `*` in `name`.
std::string with_part_of(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (!name.starts_with(pattern.substr(0, star))) return std::string(pattern);
  const std::string_view rest = name.substr(star);
  return fmt::format("{}{}{}", pattern.substr(0, star), rest.substr(0, rest.find('.')),
                     pattern.substr(star + 1));
}

// What other engines call it.
constexpr std::pair<std::string_view, std::string_view> names_elsewhere[] = {
    {"learning_rate", "lr"},         {"batch_size", "batch"},
    {"num_epochs", "epochs"},        {"max_epochs", "epochs"},
    {"max_steps", "steps"},          {"random_seed", "seed"},
    {"num_workers", "data.workers"}, {"gradient_accumulation_steps", "accumulate"}};

std::string in_lower_case(std::string_view name) {
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

// What the writer of an unknown key meant: the name in a table of that name, what other engines
// call it, the one key of that name in another table, or the nearest name.
std::string meant_by(std::string_view written) {
  const std::string name = in_lower_case(written);
  if (find_recipe_key(name)) return name;
  if (const std::string inner = name + ".name"; find_recipe_key(inner)) return inner;
  for (const auto& [other, own] : names_elsewhere)
    if (name == other) return std::string(own);
  std::vector<std::string> known;
  std::vector<std::string_view> views, elsewhere;
  for (const RecipeKey& key : recipe_keys())
    known.push_back(key.is_pattern() ? with_part_of(key.name, name) : std::string(key.name));
  for (const std::string& key : known) {
    views.push_back(key);
    if (leaf_of(key) == leaf_of(name)) elsewhere.push_back(key);
  }
  return std::string(elsewhere.size() == 1 ? elsewhere[0] : nearest_name(name, views));
}

[[noreturn]] void refuse_name(std::string_view name, std::string_view near,
                              const std::string& place) {
  if (near.empty())
    failf(ErrorKind::invalid_argument, "", "{} unknown key '{}'; `gradus train --help` lists all",
          place, name);
  failf(ErrorKind::invalid_argument, "", "{} unknown key '{}', did you mean '{}'?", place, name,
        near);
}

bool is_table(const std::string& name) {
  return std::ranges::any_of(recipe_keys(), [&](const RecipeKey& key) {
    const std::string own = key.is_pattern() ? with_part_of(key.name, name) : std::string(key.name);
    return own.starts_with(name + '.');
  });
}

}  // namespace

const RecipeKey& recipe_key_named(const std::string& name, const std::string& place) {
  if (const RecipeKey* key = find_recipe_key(name)) return *key;
  refuse_name(name, meant_by(name), place);
}

void check_recipe_table(const std::string& name, const std::string& place) {
  if (is_table(name)) return;
  GRADUS_CHECK(!find_recipe_key(name), "{} '{}' is a key, not a table", place, name);
  std::vector<std::string_view> tables;
  for (const RecipeKey& key : recipe_keys())
    for (size_t dot = key.name.find('.'); dot != std::string_view::npos;
         dot = key.name.find('.', dot + 1))
      tables.push_back(key.name.substr(0, dot));
  refuse_name(name, nearest_name(name, tables), place);
}

}  // namespace gradus
