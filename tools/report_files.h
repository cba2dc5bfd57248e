// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "training/report.h"

namespace gradus {

// Writes a report into a folder, made where absent: report.json, tables (.csv) and plots (.svg);
// docs/evaluation.md lists them. Files of these names are replaced. Throws invalid_argument where
// `folder` is a file, io where the system refuses.
void write_report(const Report& report, std::string_view split, const std::string& folder);

}  // namespace gradus
