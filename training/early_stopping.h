// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "training/evaluation.h"
#include "training/progress_fields.h"

namespace gradus {

// Remembers the best validation, and ends a run whose score has stopped getting better.
class EarlyStopping {
 public:
  struct Options {
    bool on_accuracy = false;  // else on the loss
    int64_t patience = 0;      // validations without a better score that end the run; 0: none do
    double min_delta = 0;      // a score is better if it is by more than this
  };

  explicit EarlyStopping(const Options& options) : options_(options) {}

  // Adds the validation at `step`; true where it is the best so far. A NaN never is.
  bool add(int64_t step, const Score& score);
  bool stops() const { return options_.patience > 0 && waited_ >= options_.patience; }
  int64_t best_step() const { return best_step_; }  // 0: none yet
  double best() const { return best_; }

  ProgressFields fields() const;
  void restore(const ProgressFields& fields);

 private:
  Options options_;
  double best_ = 0;
  int64_t best_step_ = 0;
  int64_t waited_ = 0;  // validations since the best
};

}  // namespace gradus
