// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "training/evaluation.h"
#include "training/recipe.h"
#include "training/schedule.h"

namespace gradus {

// What is known before the first step.
struct TrainingPlan {
  int64_t steps = 0;
  int64_t steps_per_epoch = 0;
  int64_t batch = 0;
  int64_t training_samples = 0;
  int64_t validation_samples = 0;
  int64_t parameters = 0;   // trained numbers
  int64_t state_bytes = 0;  // parameters, statistics, optimizer memory
  int64_t arena_bytes = 0;  // everything else on the device
  std::string device;
};

struct StepReport {
  int64_t step = 0;  // 1 for the first
  double loss = 0;   // of the step's batch, before its update
  double lr = 0;
};

struct TrainingResult {
  int64_t steps = 0;
  double loss = 0;  // of the last step
  bool validated = false;
  Score validation;  // at the end
};

// Called as training goes, by the thread that trains. Each may be empty.
struct TrainingObserver {
  std::function<void(const TrainingPlan&)> started = {};
  std::function<void(const StepReport&)> stepped = {};
  std::function<void(int64_t step, const Score&)> validated = {};
};

// Trains what the recipe says and leaves in the folder `run`: recipe.toml, metrics.jsonl with one
// line per step ("step", "loss", "lr") and one per validation ("step", "split", "metrics"), and at
// the end final.safetensors, whose bytes depend on the recipe alone. Throws not_finite naming the
// step when a loss is NaN or infinite, and as load_data, make_model and RunFolder.
TrainingResult train(const Recipe& recipe, const std::string& run,
                     const TrainingObserver& observer = {});

// The score of a finished run on the test split. Throws not_found where `run` is not one, bad_data
// where its weights do not fit its recipe. `threads`: 0 for the recipe's.
Score evaluate_run(const std::string& run, int threads = 0);

}  // namespace gradus
