// SPDX-License-Identifier: Apache-2.0
#include "tools/with_recipe.h"

#include <string_view>

#include "engine/base/error.h"

namespace gradus {
namespace {

// Of the key that a message begins with; empty where it begins with none that was said.
std::string place_of(const Recipe& recipe, std::string_view message) {
  if (!message.starts_with('[')) return {};
  const std::string_view key = message.substr(1, message.find(']') - 1);
  for (const Recipe::Setting& setting : recipe.settings())
    if (setting.key->name == key && setting.origin != "default") return setting.origin;
  return {};
}

}  // namespace

int with_recipe(const std::string& path, const std::vector<std::string>& settings,
                const std::function<int(const Recipe&)>& work) {
  const Recipe recipe = load_recipe(path, settings);
  try {
    return work(recipe);
  } catch (const Error& error) {
    const std::string place = place_of(recipe, error.what());
    if (place.empty()) throw;
    throw Error(error.kind(), place + ": " + error.what());
  }
}

}  // namespace gradus
