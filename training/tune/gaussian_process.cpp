// SPDX-License-Identifier: Apache-2.0
#include "training/tune/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "engine/base/error.h"

namespace gradus {
namespace {

void check(const std::vector<SearchPoint>& points, const std::vector<double>& values,
           const ProcessParameters& parameters, const std::vector<bool>& nominal) {
  const size_t dims = parameters.lengths.size();
  GRADUS_CHECK(!points.empty() && points.size() == values.size(),
               "[gaussian process] expected a value for each of at least one point, got {} and {}",
               values.size(), points.size());
  GRADUS_CHECK(nominal.empty() || nominal.size() == dims,
               "[gaussian process] expected {} coordinates, got {}", dims, nominal.size());
  for (size_t i = 0; i < points.size(); ++i)
    GRADUS_CHECK(points[i].size() == dims && std::isfinite(values[i]),
                 "[gaussian process] point {}: expected {} coordinates and a finite value", i,
                 dims);
  for (const double length : parameters.lengths)
    GRADUS_CHECK(length > 0 && std::isfinite(length),
                 "[gaussian process] expected lengths above 0, got {}", length);
  GRADUS_CHECK(parameters.signal > 0 && parameters.noise >= 0 &&
                   std::isfinite(parameters.signal + parameters.noise + parameters.mean),
               "[gaussian process] expected finite variances above 0, got {} and {}",
               parameters.signal, parameters.noise);
}

// In place: what stands above the diagonal stays. False where it is not positive definite.
bool cholesky(std::vector<double>& matrix, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    double* row = &matrix[i * n];
    for (size_t j = 0; j <= i; ++j) {
      const double* other = &matrix[j * n];
      double sum = row[j];
      for (size_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (j < i) {
        row[j] = sum / other[j];
      } else {
        if (!(sum > 0) || !std::isfinite(sum)) return false;
        row[i] = std::sqrt(sum);
      }
    }
  }
  return true;
}

// Solves lower x = right, in place.
void solve_lower(const std::vector<double>& lower, std::vector<double>& right) {
  const size_t n = right.size();
  for (size_t i = 0; i < n; ++i) {
    double sum = right[i];
    for (size_t k = 0; k < i; ++k) sum -= lower[i * n + k] * right[k];
    right[i] = sum / lower[i * n + i];
  }
}

// Solves transpose(lower) x = right, in place.
void solve_upper(const std::vector<double>& lower, std::vector<double>& right) {
  const size_t n = right.size();
  for (size_t i = n; i-- > 0;) {
    double sum = right[i];
    for (size_t k = i + 1; k < n; ++k) sum -= lower[k * n + i] * right[k];
    right[i] = sum / lower[i * n + i];
  }
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

GaussianProcess::GaussianProcess(std::vector<SearchPoint> points, std::vector<double> values,
                                 ProcessParameters parameters, std::vector<bool> nominal)
    : points_(std::move(points)),
      residuals_(std::move(values)),
      parameters_(std::move(parameters)),
      nominal_(std::move(nominal)) {
  check(points_, residuals_, parameters_, nominal_);
  for (double& value : residuals_) value -= parameters_.mean;
  factorise();
}

void GaussianProcess::factorise() {
  const size_t n = points_.size();
  lower_.assign(n * n, 0);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j <= i; ++j)
      lower_[i * n + j] = covariance(points_[i], points_[j]) + (i == j ? parameters_.noise : 0);
  GRADUS_CHECK(cholesky(lower_, n),
               "[gaussian process] the covariance of {} points is not positive definite", n);
  weights_ = residuals_;
  solve_lower(lower_, weights_);
  solve_upper(lower_, weights_);
}

double GaussianProcess::covariance(const SearchPoint& a, const SearchPoint& b) const {
  double squared = 0;
  for (size_t d = 0; d < a.size(); ++d) {
    double apart = a[d] - b[d];
    if (!nominal_.empty() && nominal_[d]) apart = apart != 0 ? 1 : 0;
    apart /= parameters_.lengths[d];
    squared += apart * apart;
  }
  if (parameters_.covariance == Covariance::squared_exponential)
    return parameters_.signal * std::exp(-squared / 2);
  const double r = std::sqrt(5 * squared);
  return parameters_.signal * (1 + r + r * r / 3) * std::exp(-r);
}

GaussianProcess::Prediction GaussianProcess::predict(const SearchPoint& point) const {
  GRADUS_CHECK(point.size() == parameters_.lengths.size(),
               "[gaussian process] expected {} coordinates, got {}", parameters_.lengths.size(),
               point.size());
  std::vector<double> row;
  row.reserve(points_.size());
  for (const SearchPoint& other : points_) row.push_back(covariance(point, other));
  const double mean = parameters_.mean + dot(row, weights_);
  solve_lower(lower_, row);
  return {mean, std::max(0.0, parameters_.signal - dot(row, row))};
}

double GaussianProcess::fitted_signal() const {
  return dot(residuals_, weights_) / static_cast<double>(points_.size());
}

double GaussianProcess::log_likelihood() const {
  const size_t n = points_.size();
  double logarithm = 0;  // of the determinant's root
  for (size_t i = 0; i < n; ++i) logarithm += std::log(lower_[i * n + i]);
  return -0.5 * dot(residuals_, weights_) - logarithm -
         0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);
}

}  // namespace gradus
