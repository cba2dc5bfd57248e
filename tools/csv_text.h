// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// A cell of RFC 4180: in quotes where it holds a comma, quote or line break.
std::string csv_cell(std::string_view text);

// A number as it is read back exactly; empty for one that is not finite.
std::string csv_number(double value);

}  // namespace gradus
