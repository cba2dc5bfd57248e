// SPDX-License-Identifier: Apache-2.0
#include "training/tune/median_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

double cost_of(double value, const SearchMetric& metric) {
  return std::isnan(value) ? std::numeric_limits<double>::infinity() : metric.cost(value);
}

}  // namespace

bool median_rule_stops(double value, int64_t validation,
                       std::span<const std::vector<double>> others, const SearchMetric& metric) {
  std::vector<double> costs;
  for (const std::vector<double>& other : others)
    if (validation >= 1 && validation <= static_cast<int64_t>(other.size()))
      costs.push_back(cost_of(other[static_cast<size_t>(validation - 1)], metric));
  if (static_cast<int64_t>(costs.size()) < median_rule_least_trials) return false;
  std::ranges::sort(costs);
  const size_t half = costs.size() / 2;
  // Of an even number the worse of the two in the middle, which needs no mean of infinities.
  return cost_of(value, metric) > costs[half];
}

}  // namespace gradus
