// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

// Mean and spread of several answers to the same questions (Welford 1962).
class AnswerSums {
 public:
  // Forgets all answers; from now on they have `size` numbers.
  void restart(size_t size);
  // The next answer, which has as many numbers.
  void add(std::span<const double> answer);

  std::span<const double> mean() const { return mean_; }
  // The sample standard deviation of each number over the answers; 0 of a single one.
  std::vector<double> spread() const;

 private:
  int64_t count_ = 0;
  std::vector<double> mean_, squares_;  // squares: of deviations from the mean, summed
};

}  // namespace gradus
