// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "training/report.h"

namespace gradus {

// A report as one JSON object, without a line break; docs/evaluation.md lists its keys. What is not
// defined or not finite is null. `split` is which data were scored.
std::string to_json(const Report& report, std::string_view split);

// The same for people: a few lines.
std::string report_text(const Report& report);

}  // namespace gradus
