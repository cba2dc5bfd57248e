// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "data/tokenizer/json_fields.h"
#include "data/tokenizer/regex.h"

namespace gradus {

// A pattern of tokenizer.json, {"String": "..."} or {"Regex": "..."}, not empty.
Regex regex_of(const Json& json, const std::string& where);

// `text` with `content` for each match.
std::string replace_matches(std::string_view text, const Regex& regex, std::string_view content);

}  // namespace gradus
