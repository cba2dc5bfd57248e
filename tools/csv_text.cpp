// SPDX-License-Identifier: Apache-2.0
#include "tools/csv_text.h"

#include <cmath>

#include "tools/run_table.h"

namespace gradus {

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? std::string("\"\"") : std::string(1, c);
  return cell + '"';
}

std::string csv_number(double value) { return std::isfinite(value) ? number_text(value) : ""; }

}  // namespace gradus
