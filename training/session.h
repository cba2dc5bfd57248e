// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/sampler.h"
#include "training/data_factory.h"
#include "training/evaluation.h"
#include "training/lbfgs.h"
#include "training/loader.h"
#include "training/recipe.h"
#include "training/step_control.h"

namespace gradus {

// What a recipe trains, ready to run: data, model, planned programs and states. It knows how a step
// is computed and nothing of run folders.
class TrainingSession {
 public:
  // With the first values of all states. Throws as load_data, make_model and Sampler, and
  // invalid_argument where `accumulate` does not divide `batch`.
  explicit TrainingSession(const Recipe& recipe);
  // The same on data that are loaded. `stepwise`: node by node as the model has them, watching for
  // what is not finite, so that run()'s not_finite names the first node that made it; slower, and
  // not the same last bits.
  TrainingSession(const Recipe& recipe, const TrainingData& data, bool stepwise = false);

  int64_t steps() const { return steps_; }
  int64_t steps_per_epoch() const { return sampler_.batches_per_epoch(); }
  int64_t batch() const { return micro_steps_ * spec_.batch; }
  int64_t micro_steps() const { return micro_steps_; }  // that an optimizer step has
  const Dataset& data() const { return *data_; }
  const Dataset* validation_data() const { return validation_data_.get(); }  // null: none
  double lr(int64_t step) const { return control_.lr(step); }
  // What it keeps on the host from step to step.
  StepControl& control() { return control_; }

  // Micro-step 0 .. micro_steps() - 1 of optimizer step 1 .. steps(), in this order; the last one
  // updates the weights. Returns the mean loss of its samples, of the last one that of the whole
  // step. Throws not_finite naming the step.
  // Allocates nothing from the second step on.
  double run(int64_t step, int64_t micro_step, RunObserver* observer = nullptr);
  // All micro-steps of a step; the loss of the last.
  double run_step(int64_t step, RunObserver* observer = nullptr);
  // What runs as this micro-step, of batches in their main form (Sampler::main_form). Observers see
  // these alone.
  Executable& program_of(int64_t micro_step) { return program_of(micro_step, main_form_); }
  // Samples of the micro-step that ran last.
  int64_t samples_run() const { return samples_run_; }
  // Over all of validation_data(); none if `stopped` became true meanwhile.
  std::optional<Score> validate(const std::function<bool()>& stopped);
  // Whether the recipe wants reports; of the last validation, which gave `score`.
  bool reports() const { return validation_ && validation_->detailed(); }
  Report report(const Score& score) const { return validation_->report(score); }

  Device& device() const { return device_; }
  const ParameterTable& parameters() const { return parameters_; }
  StateStore& states() { return states_; }
  const StateStore& states() const { return states_; }
  int64_t arena_bytes() const { return arena_.bytes(); }

 private:
  // Of one form of batch.
  struct Programs {
    std::optional<Executable> accumulation;  // of the micro-steps but the last
    std::optional<Executable> update;
  };

  void build(const Recipe& recipe);
  Executable& program_of(int64_t micro_step, size_t form);
  double run_lbfgs(HostBatch& batch, const RngState& rng, int64_t step, RunObserver* observer);
  void run_watched(Executable& program, const RngState& rng, int64_t step, int64_t micro_step);
  void keep_buffers();

  Device& device_;
  Precision precision_;
  uint64_t seed_;
  std::shared_ptr<const Dataset> data_, validation_data_;
  Sampler sampler_;
  int64_t steps_, micro_steps_;
  bool stepwise_;
  StepControl control_;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  size_t main_form_;
  std::vector<BatchSpec> specs_;  // of a micro-step, by form
  BatchSpec spec_;                // of the main form
  Loader loader_;
  std::vector<Programs> programs_;  // by form
  std::optional<Lbfgs> lbfgs_;      // with optimizer.name=lbfgs
  int64_t samples_run_ = 0;
  std::optional<Evaluation> validation_;
  std::optional<AveragedStates> averaged_;
};

// Samples of a micro-step. Throws invalid_argument where `accumulate` does not divide `batch`, and
// where `batch` is a word.
int64_t micro_batch(const Recipe& recipe);
StepForm step_form(const Recipe& recipe);

// Sets the threads that the recipe wants, if it does.
void use_threads(const Recipe& recipe);

}  // namespace gradus
