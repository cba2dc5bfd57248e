// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

// Whether probabilities can be believed. Bounded memory: sums over bins.
class Calibration {
 public:
  // Bin k of n holds confidences in (k / n, (k + 1) / n], the first one 0 too.
  static constexpr int64_t bins = 15;

  struct Bin {
    int64_t samples = 0;
    double confidence = 0;  // sums; see below
    double hits = 0;
    // Means over the bin's samples; NaN where there is none.
    double mean_confidence() const;
    double accuracy() const;
  };

  // `probabilities` of the classes; `predicted` has the largest.
  void add(std::span<const double> probabilities, int64_t wanted, int64_t predicted);

  int64_t samples() const { return samples_; }
  const std::vector<Bin>& reliability() const { return bins_; }
  // Expected and maximum calibration error (Guo et al. 2017, equation 3): distance between accuracy
  // and mean confidence, over bins by their samples; the largest.
  double expected_error() const;
  double maximum_error() const;
  // Brier (1950): mean squared distance between the probabilities and the truth, 0 to 2; of two
  // classes half of it, 0 to 1, as scikit-learn's brier_score_loss.
  double brier_score() const;
  // Mean of -ln p(wanted), p clipped to [2^-52, 1 - 2^-52] as scikit-learn's log_loss.
  double log_loss() const;

 private:
  int64_t samples_ = 0;
  size_t classes_ = 0;
  double brier_ = 0, log_loss_ = 0;
  std::vector<Bin> bins_ = std::vector<Bin>(bins);
};

// What softmax makes of logits, in f64. Throws not_finite naming the sample where one is NaN or
// +infinity, or all are -infinity.
void softmax(std::span<const double> logits, int64_t sample, std::span<double> probabilities);

}  // namespace gradus
