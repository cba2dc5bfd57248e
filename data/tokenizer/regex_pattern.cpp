// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/regex_pattern.h"

#include <nlohmann/json.hpp>

#include "data/tokenizer/pieces.h"
#include "engine/base/error.h"

namespace gradus {

Regex regex_of(const Json& json, const std::string& where) {
  JsonFields fields(json, where + ": pattern");
  const bool literal = fields.find("String") != nullptr;
  const std::string& pattern = fields.text(literal ? "String" : "Regex");
  if (pattern.empty()) fail(ErrorKind::bad_data, where, "the pattern is empty");
  fields.finish();
  return {pattern, literal ? Regex::Form::literal : Regex::Form::pattern, where};
}

std::string replace_matches(std::string_view text, const Regex& regex, std::string_view content) {
  std::string changed;
  changed.reserve(text.size());
  for (const Part& part : parts_by_regex(text, regex))
    changed += part.match ? content : text.substr(part.begin, part.end - part.begin);
  return changed;
}

}  // namespace gradus
