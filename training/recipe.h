// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "training/recipe_keys.h"

namespace gradus {

struct GivenSetting;  // a value and where it was said
struct TomlEntry;     // training/toml_reader.h

// What to train and how: a value for every key that applies. Read strictly from TOML.
class Recipe {
 public:
  // Whether the key applies: it belongs to the chosen model, data, optimizer, schedule.
  bool has(std::string_view key) const { return values_.contains(key); }
  bool boolean(std::string_view key) const;
  int64_t integer(std::string_view key) const;
  double real(std::string_view key) const;
  const std::string& text(std::string_view key) const;
  const std::vector<int64_t>& integers(std::string_view key) const;
  const std::vector<double>& reals(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;  // of a key that is a list
  // The names NAME that the recipe chose for tables `table`.NAME, sorted.
  std::vector<std::string> tables(std::string_view table) const;

  // Null where the key does not apply.
  const KeyValue* value(std::string_view key) const;

  // All keys that apply, as TOML that parse_recipe takes back; with their origins as comments.
  std::string to_toml(bool with_origins = false) const;
  // The same recipe with other values, as overrides of parse_recipe. What they leave keeps its
  // origin.
  Recipe with(const std::vector<std::string>& overrides) const;
  // The same, one by one. `origin` says where the value comes from: "default", "NAME:LINE:COLUMN"
  // or "override 'key=value'".
  struct Setting {
    const RecipeKey* key;
    KeyValue value;
    std::string origin;
  };
  std::vector<Setting> settings() const;

 private:
  friend Recipe parse_recipe(const std::string&, const std::string&,
                             const std::vector<std::string>&);
  const KeyValue& find(std::string_view key) const;
  const std::string& origin(std::string_view key) const;
  void take(const RecipeKey& key, const std::map<std::string, GivenSetting, std::less<>>& given);

  std::vector<const RecipeKey*> keys_;  // those that apply
  std::map<std::string, KeyValue, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> origins_;
};

// `text` is TOML, `name` begins the messages. Each override is `key=value`, split at the first '=';
// its value is written as in TOML or, for a text, bare; commas separate the entries of a list.
// Throws invalid_argument beginning with `NAME:LINE:COLUMN:` (or `override 'key=value':`) for TOML
// that does not parse, an unknown key (with the nearest known one), a wrong type, a value out of
// range, and a key that the chosen model, data or optimizer does not have.
Recipe parse_recipe(const std::string& text, const std::string& name,
                    const std::vector<std::string>& overrides = {});

// The same from a file. Throws not_found where there is none.
Recipe load_recipe(const std::string& path, const std::vector<std::string>& overrides = {});

// The value of one entry, in the type of the key that it names. Throws as parse_recipe.
KeyValue recipe_value(const TomlEntry& entry);

}  // namespace gradus
