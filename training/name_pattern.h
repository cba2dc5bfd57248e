// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gradus {

// Whether a name fits a pattern in which `*` stands for any text, dots included, and `?` for one
// character: "h.*.attn.*".
bool matches(std::string_view pattern, std::string_view name);
bool matches_any(std::span<const std::string> patterns, std::string_view name);

}  // namespace gradus
