// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "training/evaluation.h"
#include "training/plateau.h"
#include "training/recipe.h"

namespace gradus {

// How the learning rate moves: it rises in a straight line over the warm-up, whose last step is
// t = 0 of the form behind it (without warm-up the first step is); t counts steps, or whole epochs
// from the start of the run.
class Schedule {
 public:
  // Of step 1 .. steps. A plateau's depends on the validations so far.
  double at(int64_t step) const;

  // Whether the rate waits for validations; then each one is to be added.
  bool follows_validation() const { return follows_validation_; }
  void validated(const Score& score);

  // What a checkpoint holds beside the step: nothing but for a plateau.
  ProgressFields fields() const;
  void restore(const ProgressFields& fields);

 private:
  friend Schedule make_schedule(const Recipe&, int64_t, int64_t);

  double lr_ = 0;
  int64_t warmup_ = 0;
  int64_t steps_per_epoch_ = 0;             // 0: t counts steps
  std::function<double(int64_t t)> share_;  // of lr; not called under a plateau
  bool follows_validation_ = false, on_accuracy_ = false;
  Plateau plateau_;
};

// Throws invalid_argument naming the key where settings do not fit together.
Schedule make_schedule(const Recipe& recipe, int64_t steps, int64_t steps_per_epoch = 1);

}  // namespace gradus
