// SPDX-License-Identifier: Apache-2.0
#include "training/recipe.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/utf8.h"
#include "training/recipe_names.h"
#include "training/recipe_text.h"
#include "training/toml_reader.h"

namespace gradus {

struct GivenSetting {
  KeyValue value;
  std::string place;  // where it was said, for messages
};

namespace {

using Settings = std::map<std::string, GivenSetting, std::less<>>;

[[noreturn]] void refuse(const std::string& place, const std::string& message) {
  fail(ErrorKind::invalid_argument, "", fmt::format("{} {}", place, message));
}

// The integer that a word of the key stands for.
const int64_t* meaning_of(const RecipeKey& key, std::string_view text) {
  for (const auto& [word, meaning] : key.words)
    if (word == text) return &meaning;
  return nullptr;
}

std::string words_text(const RecipeKey& key) {
  std::string text;
  for (const auto& [word, meaning] : key.words) text += fmt::format(" or {}", word);
  return text;
}

// A value in the type of its key: an integer is also a real and a list of one.
KeyValue coerce(const RecipeKey& key, const TomlEntry& entry) {
  const KeyValue& value = entry.value;
  const std::string& place = entry.value_place;
  if (entry.list_of_texts && !key.list)
    refuse(place, fmt::format("'{}' expected {}, got a list of texts", key.name,
                              attr_type_name(key.type)));
  if (const auto* text = value.as<std::string>())
    if (const int64_t* meaning = meaning_of(key, *text)) return *meaning;
  const auto* numbers = value.as<KeyValue::Integers>();
  if (key.list && numbers && numbers->empty()) return "";
  const auto* whole = value.as<int64_t>();
  if (key.type == AttrType::real && whole) return static_cast<double>(*whole);
  if (key.type == AttrType::integers && whole) return KeyValue::Integers{*whole};
  if (key.type == AttrType::reals) {
    if (whole) return KeyValue::Reals{static_cast<double>(*whole)};
    if (const auto* number = value.as<double>()) return KeyValue::Reals{*number};
    if (const auto* list = value.as<KeyValue::Integers>())
      return KeyValue::Reals(list->begin(), list->end());
  }
  const bool fits = (key.type == AttrType::boolean && value.as<bool>()) ||
                    (key.type == AttrType::integer && whole) ||
                    (key.type == AttrType::real && value.as<double>()) ||
                    (key.type == AttrType::text && value.as<std::string>()) ||
                    (key.type == AttrType::integers && value.as<KeyValue::Integers>()) ||
                    (key.type == AttrType::reals && value.as<KeyValue::Reals>());
  if (fits) return value;
  const auto* number = value.as<double>();
  // 3.0 is not 3 here.
  const std::string got = number && *number == std::floor(*number) && std::abs(*number) < 1e15
                              ? fmt::format("{:.1f}", *number)
                              : to_string(value);
  refuse(place, fmt::format("'{}' expected {}{}, got {}", key.name, attr_type_name(key.type),
                            words_text(key), got));
}

void check_number(const RecipeKey& key, double number, const std::string& place) {
  if (number >= key.least && number <= key.most && std::isfinite(number)) return;
  const std::string range = number_range(key);
  const std::string_view finite = std::isfinite(number) ? "" : "a finite number";
  refuse(place, fmt::format("'{}' expected {}{}{}, got {}", key.name, finite,
                            finite.empty() || range.empty() ? "" : ", ", range, number));
}

void check_range(const RecipeKey& key, const KeyValue& value, const std::string& place) {
  if (std::ranges::any_of(key.words,
                          [&](const auto& word) { return value == KeyValue(word.second); }))
    return;
  if (const auto* number = value.as<int64_t>())
    check_number(key, static_cast<double>(*number), place);
  if (const auto* number = value.as<double>()) check_number(key, *number, place);
  if (const auto* list = value.as<KeyValue::Integers>())
    for (int64_t entry : *list) check_number(key, static_cast<double>(entry), place);
  if (const auto* list = value.as<KeyValue::Reals>())
    for (double entry : *list) check_number(key, entry, place);
  const auto* text = value.as<std::string>();
  if (text && key.accepts && !text->empty() && !key.accepts(*text))
    refuse(place, fmt::format("'{}' expected {}, got '{}'", key.name, key.form, *text));
  if (!text || key.choices.empty() || std::ranges::count(key.choices, *text)) return;
  const std::string_view near = nearest_name(*text, key.choices);
  refuse(place,
         fmt::format("'{}' expected one of {}, got '{}'{}", key.name, fmt::join(key.choices, ", "),
                     *text, near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
}

template <class T>
bool parse_number(std::string_view text, T& number) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

template <class T>
KeyValue parse_list(std::string_view text, const std::string& place) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  std::vector<T> list;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view entry = text.substr(0, comma);
    while (!entry.empty() && entry.front() == ' ') entry.remove_prefix(1);
    while (!entry.empty() && entry.back() == ' ') entry.remove_suffix(1);
    T number = 0;
    if (!parse_number(entry, number))
      refuse(place, fmt::format("expected numbers separated by commas, got '{}'", entry));
    list.push_back(number);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return list;
}

// A list as in TOML, or bare texts with commas between them.
KeyValue parse_texts(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  std::vector<std::string> texts = split_texts(text);
  for (std::string& part : texts)
    if (part.size() >= 2 && part.front() == '"' && part.back() == '"')
      part = part.substr(1, part.size() - 2);
  return fmt::format("{}", fmt::join(texts, ","));
}

// The value of an override, read in the type of its key.
KeyValue parse_override(const RecipeKey& key, std::string_view text, const std::string& place) {
  if (key.list) {
    if (!is_utf8(text)) refuse(place, fmt::format("'{}' expected UTF-8", key.name));
    return parse_texts(text);
  }
  int64_t whole = 0;
  double number = 0;
  switch (key.type) {
    case AttrType::boolean:
      if (text == "true" || text == "false") return text == "true";
      break;
    case AttrType::integer:
      if (parse_number(text, whole)) return whole;
      if (const int64_t* meaning = meaning_of(key, text)) return *meaning;
      break;
    case AttrType::real:
      if (parse_number(text, number)) return number;
      break;
    case AttrType::integers:
      return parse_list<int64_t>(text, place);
    case AttrType::reals:
      return parse_list<double>(text, place);
    default:
      if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
      if (!is_utf8(text)) refuse(place, fmt::format("'{}' expected UTF-8", key.name));
      return text;
  }
  refuse(place, fmt::format("'{}' expected {}{}, got '{}'", key.name, attr_type_name(key.type),
                            words_text(key), text));
}

void add_overrides(Settings& settings, const std::vector<std::string>& overrides) {
  for (const std::string& text : overrides) {
    const std::string place = fmt::format("override '{}':", text);
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) refuse(place, "expected key=value");
    const RecipeKey& key = recipe_key_named(text.substr(0, equals), place);
    const KeyValue value = parse_override(key, std::string_view(text).substr(equals + 1), place);
    check_range(key, value, place);
    settings[std::string(key.name)] = {value, place};
  }
}

std::string without_colon(std::string place) {
  if (place.ends_with(':')) place.pop_back();
  return place;
}

bool depends(const RecipeKey& key) { return !key.when.empty() || !key.defaults_by.empty(); }

KeyValue default_of(const RecipeKey& key, const Recipe& recipe) {
  for (const auto& [choice, value] : key.defaults)
    if (recipe.text(key.defaults_by) == choice) return value;
  return key.default_value;
}

// All keys, those with a part `*` once for every name that the settings put there.
std::vector<const RecipeKey*> keys_with_names(const Settings& settings) {
  std::vector<const RecipeKey*> keys;
  std::string_view done;  // the table whose names have been gone through
  for (const RecipeKey& key : recipe_keys()) {
    if (!key.is_pattern()) {
      keys.push_back(&key);
      continue;
    }
    const std::string_view table = key.name.substr(0, key.name.find('*'));
    if (table == done) continue;
    done = table;
    std::set<std::string> names;
    for (const auto& [name, setting] : settings)
      if (name.starts_with(table)) names.insert(name.substr(0, name.find('.', table.size())));
    for (const std::string& name : names)
      for (const RecipeKey& other : recipe_keys())
        if (other.name.starts_with(table))
          keys.push_back(find_recipe_key(name + std::string(other.name.substr(table.size() + 1))));
  }
  return keys;
}

}  // namespace

bool Recipe::boolean(std::string_view key) const { return *find(key).as<bool>(); }
int64_t Recipe::integer(std::string_view key) const { return *find(key).as<int64_t>(); }
double Recipe::real(std::string_view key) const { return *find(key).as<double>(); }
const std::string& Recipe::text(std::string_view key) const { return *find(key).as<std::string>(); }
const std::vector<int64_t>& Recipe::integers(std::string_view key) const {
  return *find(key).as<KeyValue::Integers>();
}
const std::vector<double>& Recipe::reals(std::string_view key) const {
  return *find(key).as<KeyValue::Reals>();
}

const KeyValue& Recipe::find(std::string_view key) const {
  const auto found = values_.find(key);
  GRADUS_ASSERT(found != values_.end(), "the recipe has no key '{}'", key);
  return found->second;
}

const std::string& Recipe::origin(std::string_view key) const { return origins_.find(key)->second; }

const KeyValue* Recipe::value(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::vector<std::string> Recipe::texts(std::string_view key) const {
  return split_texts(text(key));
}

std::vector<std::string> Recipe::tables(std::string_view table) const {
  const std::string prefix = fmt::format("{}.", table);
  std::set<std::string> names;
  for (const auto& [key, value] : values_)
    if (key.starts_with(prefix))
      if (const size_t dot = key.find('.', prefix.size()); dot != std::string::npos)
        names.insert(key.substr(prefix.size(), dot - prefix.size()));
  return {names.begin(), names.end()};
}

std::vector<Recipe::Setting> Recipe::settings() const {
  std::vector<Setting> list;
  for (const RecipeKey* key : keys_) list.push_back({key, find(key->name), origin(key->name)});
  return list;
}

void Recipe::take(const RecipeKey& key, const Settings& settings) {
  const auto given = settings.find(key.name);
  if (!key.when.empty()) {
    const std::string chosen = has(key.when) ? text(key.when) : "absent";
    if (!std::ranges::count(key.is, chosen)) {
      if (given != settings.end())
        refuse(given->second.place,
               fmt::format("'{}' does not belong to {} = '{}', only to {}", key.name, key.when,
                           chosen, fmt::join(key.is, ", ")));
      return;
    }
  }
  const bool is_given = given != settings.end();
  values_[std::string(key.name)] = is_given ? given->second.value : default_of(key, *this);
  origins_[std::string(key.name)] = is_given ? without_colon(given->second.place) : "default";
}

KeyValue recipe_value(const TomlEntry& entry) {
  const RecipeKey& key = recipe_key_named(entry.key, entry.key_place);
  const KeyValue value = coerce(key, entry);
  check_range(key, value, entry.value_place);
  return value;
}

Recipe parse_recipe(const std::string& text, const std::string& name,
                    const std::vector<std::string>& overrides) {
  Settings settings;
  for (const TomlEntry& entry : read_toml(text, name)) {
    if (entry.value.is_none()) {
      check_recipe_table(entry.key, entry.key_place);
      continue;
    }
    settings[entry.key] = {recipe_value(entry), entry.key_place};
  }
  add_overrides(settings, overrides);
  Recipe recipe;
  const std::vector<const RecipeKey*> keys = keys_with_names(settings);
  // Those that others depend on come first.
  for (const bool dependent : {false, true})
    for (const RecipeKey* key : keys)
      if (depends(*key) == dependent) recipe.take(*key, settings);
  for (const RecipeKey* key : keys)
    if (recipe.has(key->name)) recipe.keys_.push_back(key);
  return recipe;
}

Recipe load_recipe(const std::string& path, const std::vector<std::string>& overrides) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (status.type() == std::filesystem::file_type::not_found)
    failf(ErrorKind::not_found, path, "no such recipe; see recipes/ for examples");
  if (std::filesystem::is_directory(status) || std::filesystem::is_other(status))
    failf(ErrorKind::bad_data, path, "expected a recipe, got {}",
          std::filesystem::is_directory(status) ? "a folder" : "what is no regular file");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) failf(ErrorKind::io, path, "cannot read the recipe");
  return parse_recipe(text.str(), path, overrides);
}

}  // namespace gradus
