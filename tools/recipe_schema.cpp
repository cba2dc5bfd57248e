// SPDX-License-Identifier: Apache-2.0
#include "tools/recipe_schema.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "training/recipe_keys.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

std::string_view schema_type(AttrType type) {
  switch (type) {
    case AttrType::boolean:
      return "boolean";
    case AttrType::integer:
      return "integer";
    case AttrType::real:
      return "number";
    case AttrType::integers:
    case AttrType::reals:
      return "array";
    default:
      return "string";
  }
}

// Bounds beyond what JSON's readers hold as whole numbers are no bounds.
void add_bounds(Json& schema, const RecipeKey& key) {
  const bool whole = key.type == AttrType::integer || key.type == AttrType::integers;
  const auto add = [&](const char* name, double bound) {
    if (std::isfinite(bound) && std::abs(bound) < 0x1p53)
      schema[name] = whole ? Json(static_cast<int64_t>(bound)) : Json(bound);
  };
  add("minimum", key.least);
  add("maximum", key.most);
}

// A list of texts, or one.
Json list_schema(Json schema) {
  schema["type"] = {"string", "array"};
  schema["items"] = {{"type", "string"}};
  return schema;
}

Json key_schema(const RecipeKey& key) {
  Json schema = {{"type", schema_type(key.type)}};
  std::string doc(key.doc);
  if (!key.when.empty())
    doc += fmt::format(" (only with {} = {})", key.when, fmt::join(key.is, ", "));
  schema["description"] = doc;
  schema["default"] = to_json(key.default_value);
  if (key.type == AttrType::integers || key.type == AttrType::reals) {
    schema["items"] = {{"type", key.type == AttrType::reals ? "number" : "integer"}};
    add_bounds(schema["items"], key);
  } else if (key.type != AttrType::text && key.type != AttrType::boolean) {
    add_bounds(schema, key);
  }
  if (key.list) schema = list_schema(schema);
  if (!key.words.empty()) {
    Json number = {{"type", schema["type"]}, {"minimum", schema["minimum"]}};
    if (schema.contains("maximum")) number["maximum"] = schema["maximum"];
    for (const char* name : {"type", "minimum", "maximum"}) schema.erase(name);
    Json words = Json::array();
    for (const auto& [word, value] : key.words) words.push_back(word);
    schema["anyOf"] = {number, {{"enum", words}}};
  }
  for (const std::string_view choice : key.choices) schema["enum"].push_back(choice);
  return schema;
}

}  // namespace

Json to_json(const AttrValue& value) {
  if (const auto* flag = value.as<bool>()) return *flag;
  if (const auto* whole = value.as<int64_t>()) return *whole;
  if (const auto* number = value.as<double>()) return *number;
  if (const auto* text = value.as<std::string>()) return *text;
  if (const auto* list = value.as<AttrValue::Integers>()) return *list;
  if (const auto* list = value.as<AttrValue::Reals>()) return *list;
  return nullptr;
}

Json recipe_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "A recipe of Gradus"},
                 {"type", "object"},
                 {"additionalProperties", false}};
  for (const RecipeKey& key : recipe_keys()) {
    Json* table = &schema;
    std::string_view name = key.name;
    for (size_t dot; (dot = name.find('.')) != std::string_view::npos;
         name.remove_prefix(dot + 1)) {
      const std::string part(name.substr(0, dot));
      Json& below = part == "*" ? (*table)["additionalProperties"] : (*table)["properties"][part];
      if (!below.is_object()) below = {{"type", "object"}, {"additionalProperties", false}};
      table = &below;
    }
    (*table)["properties"][std::string(name)] = key_schema(key);
  }
  return schema;
}

}  // namespace gradus
