// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/json_fields.h"

#include <nlohmann/json.hpp>

#include "data/tokenizer/code_points.h"
#include "engine/base/error.h"

namespace gradus {

JsonFields::JsonFields(const Json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  if (!object.is_object())
    failf(ErrorKind::bad_data, where_, "expected an object, got {}", object.type_name());
}

void JsonFields::expect(std::string_view name, std::string_view what, const Json& got) const {
  failf(ErrorKind::bad_data, where_, "'{}', expected {}, got {}", name, what, got.type_name());
}

const Json* JsonFields::find(std::string_view name) {
  seen_.emplace(name);
  const auto found = object_.find(std::string(name));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const Json& JsonFields::need(std::string_view name) {
  const Json* found = find(name);
  if (!found) failf(ErrorKind::bad_data, where_, "'{}' is missing", name);
  return *found;
}

const std::string& JsonFields::text(std::string_view name) {
  const Json& value = need(name);
  if (!value.is_string()) expect(name, "a text", value);
  return value.get_ref<const std::string&>();
}

std::string JsonFields::text_or(std::string_view name, std::string_view otherwise) {
  return find(name) ? text(name) : std::string(otherwise);
}

bool JsonFields::flag(std::string_view name) {
  const Json& value = need(name);
  if (!value.is_boolean()) expect(name, "true or false", value);
  return value.get<bool>();
}

bool JsonFields::flag_or(std::string_view name, bool otherwise) {
  return find(name) ? flag(name) : otherwise;
}

int64_t JsonFields::integer(std::string_view name, int64_t least, int64_t most) {
  const Json& value = need(name);
  if (!value.is_number_integer()) expect(name, "a whole number", value);
  const bool huge = value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX;
  const int64_t number = huge ? INT64_MAX : value.get<int64_t>();
  if (huge || number < least || number > most)
    failf(ErrorKind::bad_data, where_, "'{}', expected {} to {}, got {}", name, least, most,
          number);
  return number;
}

char32_t JsonFields::letter(std::string_view name) {
  const std::string& value = text(name);
  if (count_code_points(value) != 1)
    failf(ErrorKind::bad_data, where_, "'{}', expected one character, got '{}'", name, value);
  size_t at = 0;
  return next_code_point(value, at);
}

const Json& JsonFields::list(std::string_view name) {
  const Json& value = need(name);
  if (!value.is_array()) expect(name, "an array", value);
  return value;
}

void JsonFields::finish() const {
  for (const auto& [name, value] : object_.items())
    if (!seen_.contains(name))
      failf(ErrorKind::unsupported, where_, "the member '{}' is not known", name);
}

}  // namespace gradus
