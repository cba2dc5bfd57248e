// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "training/tune/search_space.h"

namespace gradus {

enum class Covariance { matern52, squared_exponential };

// What a Gaussian process is given: how alike values at two points are.
struct ProcessParameters {
  Covariance covariance = Covariance::matern52;
  std::vector<double> lengths = {};  // of each coordinate, above 0
  double signal = 1;                 // variance of the function, above 0
  double noise = 1e-6;               // variance of what is measured beside it, at least 0
  double mean = 0;                   // of the function far from all points
};

// Regression by a Gaussian process in f64 (C. E. Rasmussen and C. K. I. Williams, "Gaussian
// processes for machine learning", 2006, algorithm 2.1). With r the distance of two points of which
// each coordinate was divided by its length, the covariance is signal * (1 + sqrt(5) r + 5/3 r^2)
// exp(-sqrt(5) r), or signal * exp(-r^2 / 2).
class GaussianProcess {
 public:
  // `nominal`: coordinates that are names, which are at a distance of 1 where they differ; empty:
  // none. Throws invalid_argument where sizes or parameters do not fit, and where the covariance of
  // the points is not positive definite in f64.
  GaussianProcess(std::vector<SearchPoint> points, std::vector<double> values,
                  ProcessParameters parameters, std::vector<bool> nominal = {});

  struct Prediction {
    double mean, variance;  // of the function, without noise; the variance is at least 0
  };
  Prediction predict(const SearchPoint& point) const;
  // The logarithm of the marginal likelihood of the values.
  double log_likelihood() const;
  // By which factor both variances would be multiplied where that likelihood is greatest.
  double fitted_signal() const;
  const ProcessParameters& parameters() const { return parameters_; }

 private:
  double covariance(const SearchPoint& a, const SearchPoint& b) const;
  void factorise();

  std::vector<SearchPoint> points_;
  std::vector<double> residuals_;  // values less the mean
  ProcessParameters parameters_;
  std::vector<bool> nominal_;
  std::vector<double> lower_;    // (n, n), Cholesky factor of the values' covariance, row-major
  std::vector<double> weights_;  // (n), its inverse times the residuals
};

// The parameters of the greatest marginal likelihood that a search finds which starts with equal
// lengths and then changes one at a time: the same for the same input. The mean is that of the
// values. Needs at least one point.
ProcessParameters fit_process(const std::vector<SearchPoint>& points,
                              const std::vector<double>& values,
                              const std::vector<bool>& nominal = {});

}  // namespace gradus
