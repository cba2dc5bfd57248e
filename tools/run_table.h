// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "training/run_record.h"

namespace gradus {

// Rows of text in columns as wide as needed; the first row is the header.
std::string to_columns(const std::vector<std::vector<std::string>>& rows);

// The settings of runs in which they differ: one row per key, one column per run. A run whose
// recipe lacks a key shows "-".
std::vector<std::vector<std::string>> differing_settings(std::span<const RunRecord> runs);

// "step,loss,lr,<split>_<metric>..." and one line per step; empty where a step has no such value.
std::string to_csv(const RunRecord& run);

// A number as it is read back exactly, in the fewest digits.
std::string number_text(double value);

}  // namespace gradus
