// SPDX-License-Identifier: Apache-2.0
// Code points of UTF-8 texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

// The code point at byte `at` of a well-formed text, which is then moved behind it.
char32_t next_code_point(std::string_view text, size_t& at);

void append_utf8(std::string& text, char32_t code);

// Code points of a well-formed text; of any other bytes, those that begin one.
int64_t count_code_points(std::string_view text);

// Bytes with U+FFFD for each longest part that cannot be of any code point.
std::string replace_malformed(std::string_view bytes);

}  // namespace gradus
