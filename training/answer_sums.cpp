// SPDX-License-Identifier: Apache-2.0
#include "training/answer_sums.h"

#include <cmath>

#include "engine/base/error.h"

namespace gradus {

void AnswerSums::restart(size_t size) {
  count_ = 0;
  mean_.assign(size, 0);
  squares_.assign(size, 0);
}

void AnswerSums::add(std::span<const double> answer) {
  GRADUS_ASSERT(answer.size() == mean_.size(), "{} numbers in place of {}", answer.size(),
                mean_.size());
  ++count_;
  for (size_t i = 0; i < answer.size(); ++i) {
    const double step = answer[i] - mean_[i];
    mean_[i] += step / static_cast<double>(count_);
    squares_[i] += step * (answer[i] - mean_[i]);
  }
}

std::vector<double> AnswerSums::spread() const {
  std::vector<double> spread(squares_.size());
  if (count_ < 2) return spread;
  for (size_t i = 0; i < spread.size(); ++i)
    spread[i] = std::sqrt(squares_[i] / static_cast<double>(count_ - 1));
  return spread;
}

}  // namespace gradus
