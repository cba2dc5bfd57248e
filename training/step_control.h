// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "engine/exec/executable.h"
#include "training/averages.h"
#include "training/best_checkpoints.h"
#include "training/early_stopping.h"
#include "training/loss_scale.h"
#include "training/sample_mixing.h"
#include "training/schedule.h"
#include "training/update_guard.h"

namespace gradus {

// What changes from step to step beside the batch: the inputs of a training graph that the host
// decides, and what it learns from the outputs. All of it follows from the recipe, the step and
// `fields()`.
class StepControl {
 public:
  // Throws invalid_argument where settings need validation data and there are none.
  StepControl(const Recipe& recipe, int64_t steps, int64_t steps_per_epoch, bool validates);

  double lr(int64_t step) const { return held_lr_ ? *held_lr_ : schedule_.at(step); }
  // From now on this rate in the place of the schedule's.
  void hold_lr(double lr) { held_lr_ = lr; }
  bool averages() const { return averaging_.on(); }
  bool mixes() const { return mixing_.on(); }
  int64_t skipped() const { return guard_.skipped(); }  // updates left out so far, by the guard
  // 1 but with precision f16.
  double loss_scale() const { return scale_ ? scale_->scale() : 1; }

  // Mixes a batch, if the recipe wants it, and sets what the programs take of that, and the loss
  // scale. Before each micro-step.
  void prepare(Executable& program, const RngState& rng, Tensor& inputs, const Tensor& targets);
  // Sets the inputs of the program that updates, before it runs.
  void set_inputs(Executable& program, int64_t step);
  // Takes what it found. `loss` is the step's. Throws not_finite, naming the step, where the loss
  // is not finite or too many updates were skipped.
  void add_step(Executable& program, int64_t step, double loss);
  // The loss of a micro-step before the last; throws as add_step.
  void add_loss(int64_t step, double loss) const;

  // Takes a validation. True where it is the best so far and the run wants its best weights.
  bool add_validation(int64_t step, const Score& score);
  bool keeps_best() const { return keeps_best_; }
  bool ends_early() const { return keeps_best_ && stopping_.stops(); }
  int64_t best_step() const { return stopping_.best_step(); }
  const BestCheckpoints& best_checkpoints() const { return best_checkpoints_; }

  ProgressFields fields() const;
  void restore(const ProgressFields& fields);

 private:
  void add_scaled(int64_t step, bool overflowed);

  Schedule schedule_;
  std::optional<double> held_lr_;
  Averaging averaging_;
  SampleMixing mixing_;
  bool guarded_;
  UpdateGuard guard_;
  std::optional<LossScale> scale_;  // with precision f16
  bool keeps_best_;
  EarlyStopping stopping_;
  BestCheckpoints best_checkpoints_;
  std::vector<Tensor> partners_;  // of each shape of targets
};

}  // namespace gradus
