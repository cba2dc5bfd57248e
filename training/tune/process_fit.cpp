// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "training/tune/gaussian_process.h"

namespace gradus {
namespace {

// Coordinates lie in [0, 1]: a length beyond these says that one decides, or has no part in it.
constexpr double shortest = 0.02, longest = 16;
// Noise as a share of the signal.
constexpr double least_noise = 1e-8, most_noise = 1;

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Parameters on trial: lengths, and last the noise as a share of the signal.
class Fit {
 public:
  Fit(const std::vector<SearchPoint>& points, const std::vector<double>& values,
      const std::vector<bool>& nominal, Covariance covariance)
      : points_(points), values_(values), nominal_(nominal) {
    best_.covariance = covariance;
    best_.mean = mean_of(values);
  }

  // Tries them; true where they are the best so far. The signal has its best value by formula:
  // with the covariance signal * R it is residuals * inverse(R) * residuals / n.
  bool attempt(const std::vector<double>& trial) {
    ProcessParameters parameters = best_;
    parameters.lengths.assign(trial.begin(), trial.end() - 1);
    parameters.signal = 1;
    parameters.noise = trial.back();
    const auto n = static_cast<double>(values_.size());
    try {
      const GaussianProcess unit(points_, values_, parameters, nominal_);
      const double fitted = unit.fitted_signal();
      if (!(fitted > 0) || !std::isfinite(fitted)) return false;  // values all the same
      const double likelihood =
          unit.log_likelihood() + 0.5 * n * fitted - 0.5 * n * std::log(fitted) - 0.5 * n;
      if (!(likelihood > likelihood_ + 1e-9)) return false;
      likelihood_ = likelihood;
      parameters.signal = fitted;
      parameters.noise = trial.back() * fitted;
    } catch (const Error&) {
      return false;  // not positive definite
    }
    best_ = parameters;
    trial_ = trial;
    return true;
  }

  const std::vector<double>& trial() const { return trial_; }
  const ProcessParameters& best() const { return best_; }
  double likelihood() const { return likelihood_; }

 private:
  const std::vector<SearchPoint>& points_;
  const std::vector<double>& values_;
  const std::vector<bool>& nominal_;
  ProcessParameters best_;
  std::vector<double> trial_;
  double likelihood_ = -std::numeric_limits<double>::infinity();
};

void start(Fit& fit, size_t dims) {
  for (const double length : {0.1, 0.2, 0.4, 0.8, 1.6})
    for (const double noise : {1e-6, 1e-3, 1e-1}) {
      std::vector<double> trial(dims, length);
      trial.push_back(noise);
      fit.attempt(trial);
    }
}

// One coordinate after the other by a factor up and down, until none gets better.
void climb(Fit& fit, double factor) {
  bool better = true;
  for (int round = 0; better && round < 20; ++round) {
    better = false;
    for (size_t i = 0; i < fit.trial().size(); ++i) {
      const bool is_noise = i + 1 == fit.trial().size();
      const double step = is_noise ? factor * factor : factor;
      for (const double by : {step, 1 / step}) {
        std::vector<double> trial = fit.trial();
        trial[i] = std::clamp(trial[i] * by, is_noise ? least_noise : shortest,
                              is_noise ? most_noise : longest);
        if (trial[i] != fit.trial()[i] && fit.attempt(trial)) {
          better = true;
          break;
        }
      }
    }
  }
}

}  // namespace

ProcessParameters fit_process(const std::vector<SearchPoint>& points,
                              const std::vector<double>& values, const std::vector<bool>& nominal) {
  GRADUS_CHECK(!points.empty(), "[gaussian process] expected at least one point");
  ProcessParameters best;
  double likelihood = -std::numeric_limits<double>::infinity();
  for (const Covariance covariance : {Covariance::matern52, Covariance::squared_exponential}) {
    Fit fit(points, values, nominal, covariance);
    start(fit, points[0].size());
    for (const double factor : {2.0, 1.4, 1.15})
      if (!fit.trial().empty()) climb(fit, factor);
    if (fit.trial().empty() || fit.likelihood() <= likelihood) continue;
    best = fit.best();
    likelihood = fit.likelihood();
  }
  if (best.lengths.empty()) {  // values that are all the same
    best.lengths.assign(points[0].size(), 0.4);
    best.mean = mean_of(values);
  }
  return best;
}

}  // namespace gradus
