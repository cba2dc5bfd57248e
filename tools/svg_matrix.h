// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace gradus {

// A square table of counts as an SVG image: fields shaded by their share of their row, with the
// counts in them where they fit, rows and columns named.
struct MatrixPlot {
  std::string title, row_label, column_label;
  std::vector<std::string> names;
  std::vector<double> counts;  // (names, names)
};
std::string to_svg(const MatrixPlot& plot);

}  // namespace gradus
