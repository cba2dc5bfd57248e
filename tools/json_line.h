// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace gradus {

// A JSON value on one line, without the line break. Texts that are not UTF-8, as paths and what a
// model writes may be, get replacement characters: JSON must be UTF-8.
std::string json_line(const nlohmann::ordered_json& json);

}  // namespace gradus
