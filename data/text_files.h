// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace gradus {

// Hands out the texts of a file: the whole of a .txt file, or the member `field` of the object on
// each line of a .jsonl file; either may end in .gz. Lines without anything are left out, and a
// byte order mark before a text. Throws as read_bytes, and bad_data naming file and line.
void each_text(const std::string& path, const std::string& field,
               const std::function<void(std::string_view)>& take);

}  // namespace gradus
