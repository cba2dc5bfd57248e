// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace gradus {

// Errors of predicted numbers, in their unit (mse: its square). Definitions: scikit-learn.
struct RegressionScore {
  double mse = 0, rmse = 0, mae = 0;
  double median_absolute_error = 0;
  double max_error = 0;
  // 1 - squared error / squared deviation of the wanted numbers. Where these are all the same: 1
  // for no error, else 0. NaN of fewer than 2 samples.
  double r2 = 0;
  // The same with the errors' mean taken out first.
  double explained_variance = 0;
};

// Throws invalid_argument for none and for spans of different lengths, not_finite naming the sample
// for a prediction that is NaN or infinite.
RegressionScore regression_score(std::span<const double> wanted, std::span<const double> predicted);

}  // namespace gradus
