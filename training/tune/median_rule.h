// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "training/tune/search_metric.h"

namespace gradus {

// What the median rule waits for: a median of fewer says little.
inline constexpr int64_t median_rule_least_trials = 4;

// Whether a trial stops after its validation number `validation` (1: the first), which gave
// `value`: at least median_rule_least_trials others have ended and reached that validation, and
// `value` is worse than the median of theirs (D. Golovin et al., "Google Vizier: a service for
// black-box optimization", KDD 2017, with values in the place of their means). NaN is worse than
// any number. `others`: values of each by validation.
bool median_rule_stops(double value, int64_t validation,
                       std::span<const std::vector<double>> others, const SearchMetric& metric);

}  // namespace gradus
