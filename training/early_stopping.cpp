// SPDX-License-Identifier: Apache-2.0
#include "training/early_stopping.h"

#include <cmath>

namespace gradus {

bool EarlyStopping::add(int64_t step, const Score& score) {
  const double value = options_.on_accuracy ? score.accuracy : score.loss;
  const double gain = options_.on_accuracy ? value - best_ : best_ - value;
  if (!std::isfinite(value) || (best_step_ > 0 && !(gain > options_.min_delta))) {
    ++waited_;
    return false;
  }
  best_ = value;
  best_step_ = step;
  waited_ = 0;
  return true;
}

ProgressFields EarlyStopping::fields() const {
  return {{"best", {best_}},
          {"best_step", {static_cast<double>(best_step_)}},
          {"waited", {static_cast<double>(waited_)}}};
}

void EarlyStopping::restore(const ProgressFields& fields) {
  best_ = progress_number(fields, "best");
  best_step_ = progress_count(fields, "best_step");
  waited_ = progress_count(fields, "waited");
}

}  // namespace gradus
