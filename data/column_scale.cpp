// SPDX-License-Identifier: Apache-2.0
#include "data/column_scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

// Not 0 although all values are the same: a sum of n rounded terms is off by up to n epsilon.
bool is_constant(double mean, double variance, double count) {
  const double epsilon = std::numeric_limits<double>::epsilon();
  const double rounding = count * mean * epsilon;
  return variance <= count * epsilon * variance + rounding * rounding;
}

ColumnScale standard_scale(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (double value : values) sum += value;
  const double mean = sum / count;
  for (double value : values) squares += (value - mean) * (value - mean);
  const double variance = squares / count;
  return {mean, is_constant(mean, variance, count) ? 1 : std::sqrt(variance), 0};
}

}  // namespace

std::optional<Scaling> parse_scaling(std::string_view name) {
  if (name == "none") return Scaling::none;
  if (name == "standard") return Scaling::standard;
  if (name == "minmax") return Scaling::minmax;
  if (name == "robust") return Scaling::robust;
  return std::nullopt;
}

ColumnScale fit_scale(std::span<const double> values, Scaling scaling, double low, double high) {
  switch (scaling) {
    case Scaling::none:
      break;
    case Scaling::standard:
      return standard_scale(values);
    case Scaling::minmax: {
      const auto [least, most] = std::ranges::minmax(values);
      return {least, most > least ? (most - least) / (high - low) : 1, low};
    }
    case Scaling::robust: {
      const std::vector<double> all(values.begin(), values.end());
      const double range = quantile(all, 0.75) - quantile(all, 0.25);
      return {quantile(all, 0.5), range > 0 ? range : 1, 0};
    }
  }
  return {};
}

double quantile(std::vector<double> values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  std::ranges::nth_element(values, values.begin() + static_cast<int64_t>(below));
  const double low = values[below];
  if (below + 1 == values.size()) return low;
  const double high =
      *std::min_element(values.begin() + static_cast<int64_t>(below) + 1, values.end());
  return low + (place - static_cast<double>(below)) * (high - low);
}

}  // namespace gradus
