// SPDX-License-Identifier: Apache-2.0
// `gradus config`: what a recipe may say, and what one comes to.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/commands.h"
#include "tools/json_line.h"
#include "tools/recipe_schema.h"
#include "training/recipe.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct ShowOptions {
  std::string recipe;
  std::vector<std::string> settings;
  bool json = false;
};

// A word where the value stands for one.
KeyValue shown(const Recipe::Setting& setting) {
  for (const auto& [word, value] : setting.key->words)
    if (setting.value == KeyValue(value)) return word;
  return setting.value;
}

int show(const ShowOptions& options) {
  const Recipe recipe = load_recipe(options.recipe, options.settings);
  Json all = Json::object();
  for (const Recipe::Setting& setting : recipe.settings()) {
    if (options.json)
      all[std::string(setting.key->name)] = {{"value", to_json(shown(setting))},
                                             {"origin", setting.origin}};
    else
      fmt::print("{:<26} {:<24} {}\n", setting.key->name, to_string(shown(setting)),
                 setting.origin);
  }
  if (options.json) fmt::print("{}\n", json_line(all));
  return exit_success;
}

Command show_command() {
  const auto options = std::make_shared<ShowOptions>();
  return {
      .name = "show",
      .doc = "Show every setting of a recipe as it is resolved, and where it comes from",
      .options = {{"RECIPE", "A TOML file, see recipes/", &options->recipe, true},
                  {"SETTINGS", "key=value settings that replace the recipe's", &options->settings},
                  {"--json", "Print one JSON object", &options->json}},
      .run = [options] { return show(*options); }};
}

Command keys_command() {
  const auto json = std::make_shared<bool>(false);
  return {.name = "keys",
          .doc = "List the keys that recipes may have",
          .options = {{"--json", "Print one JSON array", json.get()}},
          .run = [json] {
            if (!*json) {
              fmt::print("{}", recipe_keys_text());
              return exit_success;
            }
            Json all = Json::array();
            for (const RecipeKey& key : recipe_keys()) {
              Json entry = {{"name", key.name},
                            {"type", attr_type_name(key.type)},
                            {"default", to_json(key.default_value)},
                            {"doc", key.doc}};
              if (!key.choices.empty()) entry["choices"] = key.choices;
              for (const auto& [word, value] : key.words) entry["words"].push_back(word);
              if (!key.when.empty()) entry["when"] = {{"key", key.when}, {"is", key.is}};
              all.push_back(entry);
            }
            fmt::print("{}\n", all.dump());
            return exit_success;
          }};
}

Command schema_command() {
  return {.name = "schema", .doc = "Print a JSON schema of recipes", .run = [] {
            fmt::print("{}\n", recipe_schema().dump(2));
            return exit_success;
          }};
}

}  // namespace

Command config_command() {
  return {.name = "config",
          .doc = "Show what recipes may say, and what one comes to",
          .commands = {show_command(), keys_command(), schema_command()}};
}

}  // namespace gradus
