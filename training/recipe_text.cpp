// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/utf8.h"
#include "training/recipe.h"

namespace gradus {
namespace {

std::string toml_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      quoted += c;
  }
  return quoted + "\"";
}

std::string toml_real(double value) {
  const std::string number = fmt::format("{}", value);
  return number.find_first_of(".e") == std::string::npos ? number + ".0" : number;
}

// What TOML takes as a comment: no control characters, well-formed UTF-8.
std::string toml_comment(std::string text) {
  const bool utf8 = is_utf8(text);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || (!utf8 && (c & 0x80) != 0)) c = '?';
  return text;
}

std::string toml_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(toml_text(text));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

}  // namespace

std::string toml_value(const RecipeKey& key, const KeyValue& value) {
  if (key.list) return toml_list(split_texts(*value.as<std::string>()));
  if (const auto* flag = value.as<bool>()) return *flag ? "true" : "false";
  for (const auto& [word, meaning] : key.words)
    if (value == KeyValue(meaning)) return toml_text(std::string(word));
  if (const auto* whole = value.as<int64_t>()) return fmt::format("{}", *whole);
  if (const auto* list = value.as<KeyValue::Integers>())
    return fmt::format("[{}]", fmt::join(*list, ", "));
  if (const auto* text = value.as<std::string>()) return toml_text(*text);
  if (const auto* number = value.as<double>()) return toml_real(*number);
  std::string list;
  for (const double entry : *value.as<KeyValue::Reals>())
    list += (list.empty() ? "" : ", ") + toml_real(entry);
  return "[" + list + "]";
}

std::vector<std::string> split_texts(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return parts;
}

std::string Recipe::to_toml(bool with_origins) const {
  // A table may stand only once, wherever its keys do.
  std::vector<std::pair<std::string_view, std::string>> parts = {{"", ""}};
  for (const RecipeKey* key : keys_) {
    const size_t dot = key->name.rfind('.');
    const std::string_view owner = dot == std::string_view::npos ? "" : key->name.substr(0, dot);
    auto part = std::ranges::find(parts, owner, &decltype(parts)::value_type::first);
    if (part == parts.end()) part = parts.insert(part, {owner, fmt::format("\n[{}]\n", owner)});
    const std::string_view leaf = owner.empty() ? key->name : key->name.substr(dot + 1);
    const std::string line = fmt::format("{} = {}", leaf, toml_value(*key, find(key->name)));
    part->second += with_origins
                        ? fmt::format("{:<36}  # {}\n", line, toml_comment(origin(key->name)))
                        : line + "\n";
  }
  std::string text;
  for (const auto& [owner, lines] : parts) text += lines;
  return text;
}

Recipe Recipe::with(const std::vector<std::string>& overrides) const {
  Recipe changed = parse_recipe(to_toml(), "recipe", overrides);
  for (auto& [key, origin] : changed.origins_)
    if (const auto own = origins_.find(key);
        own != origins_.end() && !origin.starts_with("override '"))
      origin = own->second;
  return changed;
}

}  // namespace gradus
