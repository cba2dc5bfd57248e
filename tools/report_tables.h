// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "training/report.h"

namespace gradus {

struct TextFile {
  std::string name, contents;
};

// The tables of a report as CSV.
std::vector<TextFile> report_tables(const Report& report);

// Its plots as SVG.
std::vector<TextFile> report_plots(const Report& report);

}  // namespace gradus
