// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "training/evaluation.h"
#include "training/progress_fields.h"

namespace gradus {

// The steps of a run's best validations, whose checkpoints stay (`checkpoint.best`).
class BestCheckpoints {
 public:
  // `keep` of them, by the accuracy or by the loss.
  BestCheckpoints(int64_t keep, bool on_accuracy) : keep_(keep), on_accuracy_(on_accuracy) {}

  // Takes the validation at `step`, later than those before. Of equal scores the earlier is the
  // better; one that is not finite is never among the best.
  void add(int64_t step, const Score& score);
  bool holds(int64_t step) const;
  // Best first.
  const std::vector<int64_t>& steps() const { return steps_; }

  ProgressFields fields() const;
  // Of more than `keep` the best. Throws bad_data.
  void restore(const ProgressFields& fields);

 private:
  int64_t keep_;
  bool on_accuracy_;
  std::vector<int64_t> steps_;
  std::vector<double> scores_;  // of these steps
};

// Under this name they are among a run's parts (training/progress.h).
inline constexpr std::string_view best_checkpoints_part = "best";

// The step of the best among the fields that `fields()` gave; -1: none.
int64_t best_step(const ProgressFields& fields);

}  // namespace gradus
