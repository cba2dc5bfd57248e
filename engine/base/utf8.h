// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace gradus {

// Whether `text` is well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, surrogates or
// code points above U+10FFFF.
bool is_utf8(std::string_view text);

// What stands at the beginning of a text that is not empty: the bytes of one code point (`whole`),
// or the longest beginning of such that is there, at least one byte.
struct Utf8Sequence {
  size_t length;
  bool whole;
};
Utf8Sequence first_utf8_sequence(std::string_view text);

}  // namespace gradus
