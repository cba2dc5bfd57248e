// SPDX-License-Identifier: Apache-2.0
#include "training/metrics/regression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double squares_about(std::span<const double> values, double centre) {
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return sum;
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

double explained(double errors, double deviations) {
  if (deviations > 0) return 1 - errors / deviations;
  return errors == 0 ? 1 : 0;
}

}  // namespace

RegressionScore regression_score(std::span<const double> wanted,
                                 std::span<const double> predicted) {
  GRADUS_CHECK(wanted.size() == predicted.size() && !wanted.empty(),
               "[metrics] expected as many predictions as numbers, at least one, got {} and {}",
               predicted.size(), wanted.size());
  std::vector<double> errors, sizes;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!std::isfinite(predicted[i]))
      failf(ErrorKind::not_finite, "model", "its output for sample {} is {}", i, predicted[i]);
    errors.push_back(wanted[i] - predicted[i]);
    sizes.push_back(std::abs(errors.back()));
  }
  const double squares = squares_about(errors, 0);
  const double deviations = squares_about(wanted, mean_of(wanted));
  RegressionScore score;
  score.mse = squares / static_cast<double>(wanted.size());
  score.rmse = std::sqrt(score.mse);
  score.mae = mean_of(sizes);
  score.max_error = std::ranges::max(sizes);
  score.median_absolute_error = median_of(std::move(sizes));
  const bool enough = wanted.size() > 1;
  score.r2 = enough ? explained(squares, deviations) : undefined;
  score.explained_variance =
      enough ? explained(squares_about(errors, mean_of(errors)), deviations) : undefined;
  return score;
}

}  // namespace gradus
