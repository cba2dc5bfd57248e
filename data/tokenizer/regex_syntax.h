// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// A pattern of Oniguruma (its own syntax, UTF-8) in PCRE2's, with PCRE2_MULTILINE: \s, \w, \d and
// \b are Unicode's White_Space, Alphabetic and marks and numbers and connectors, and Nd; \h is a
// hexadecimal digit; (?m) lets the dot match line breaks. Throws unsupported, naming it, for what
// has no counterpart: classes within classes and &&, \W within a class, options in the middle of a
// pattern, {n,m}+ and {,n}, other escapes. `where` begins the message.
std::string pcre2_pattern(std::string_view pattern, std::string_view where);

}  // namespace gradus
