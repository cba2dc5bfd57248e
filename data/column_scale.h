// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gradus {

// standard: mean 0 and (population) standard deviation 1. minmax: from `low` to `high`. robust:
// median 0 and interquartile range 1. Definitions are those of scikit-learn's StandardScaler,
// MinMaxScaler and RobustScaler.
enum class Scaling { none, standard, minmax, robust };
std::optional<Scaling> parse_scaling(std::string_view name);

// x -> (x - centre) / width + offset, with what was found in training values.
struct ColumnScale {
  double centre = 0;
  double width = 1;
  double offset = 0;

  double apply(double x) const { return (x - centre) / width + offset; }
  double inverse(double y) const { return (y - offset) * width + centre; }
};

// Values that are all (to rounding) the same get width 1. `values` are finite and not empty.
ColumnScale fit_scale(std::span<const double> values, Scaling scaling, double low = 0,
                      double high = 1);

// The value below which the share `share` of the values lies, between two of them by interpolation.
double quantile(std::vector<double> values, double share);

}  // namespace gradus
