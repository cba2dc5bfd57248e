// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace gradus {

// Whether `text` is well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, surrogates or
// code points above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace gradus
