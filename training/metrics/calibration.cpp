// SPDX-License-Identifier: Apache-2.0
#include "training/metrics/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
constexpr double epsilon = std::numeric_limits<double>::epsilon();

}  // namespace

double Calibration::Bin::mean_confidence() const {
  return samples == 0 ? undefined : confidence / static_cast<double>(samples);
}

double Calibration::Bin::accuracy() const {
  return samples == 0 ? undefined : hits / static_cast<double>(samples);
}

void Calibration::add(std::span<const double> probabilities, int64_t wanted, int64_t predicted) {
  const double confidence = probabilities[static_cast<size_t>(predicted)];
  const auto place = static_cast<int64_t>(std::ceil(confidence * bins)) - 1;
  Bin& bin = bins_[static_cast<size_t>(std::clamp<int64_t>(place, 0, bins - 1))];
  ++bin.samples;
  bin.confidence += confidence;
  bin.hits += wanted == predicted ? 1 : 0;
  classes_ = probabilities.size();
  for (size_t c = 0; c < probabilities.size(); ++c) {
    const double away = probabilities[c] - (static_cast<int64_t>(c) == wanted ? 1 : 0);
    brier_ += away * away;
  }
  log_loss_ -=
      std::log(std::clamp(probabilities[static_cast<size_t>(wanted)], epsilon, 1 - epsilon));
  ++samples_;
}

double Calibration::expected_error() const {
  double sum = 0;
  for (const Bin& bin : bins_) sum += std::abs(bin.hits - bin.confidence);
  return samples_ == 0 ? undefined : sum / static_cast<double>(samples_);
}

double Calibration::maximum_error() const {
  double most = samples_ == 0 ? undefined : 0;
  for (const Bin& bin : bins_)
    if (bin.samples > 0) most = std::max(most, std::abs(bin.accuracy() - bin.mean_confidence()));
  return most;
}

double Calibration::brier_score() const {
  if (samples_ == 0) return undefined;
  return brier_ / static_cast<double>(samples_) / (classes_ == 2 ? 2 : 1);
}

double Calibration::log_loss() const {
  return samples_ == 0 ? undefined : log_loss_ / static_cast<double>(samples_);
}

void softmax(std::span<const double> logits, int64_t sample, std::span<double> probabilities) {
  double most = -std::numeric_limits<double>::infinity();
  for (const double logit : logits) {
    if (std::isnan(logit) || logit == std::numeric_limits<double>::infinity())
      failf(ErrorKind::not_finite, "model", "its output for sample {} is {}", sample, logit);
    most = std::max(most, logit);
  }
  if (std::isinf(most))
    failf(ErrorKind::not_finite, "model", "its outputs for sample {} are all -infinity", sample);
  double sum = 0;
  for (size_t c = 0; c < logits.size(); ++c) {
    probabilities[c] = std::exp(logits[c] - most);
    sum += probabilities[c];
  }
  for (double& probability : probabilities) probability /= sum;
}

}  // namespace gradus
