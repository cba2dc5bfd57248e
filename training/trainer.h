// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "training/evaluation.h"
#include "training/progress.h"
#include "training/recipe.h"
#include "training/run_weights.h"

namespace gradus {

// What is known before the first step.
struct TrainingPlan {
  int64_t steps = 0;
  int64_t steps_per_epoch = 0;
  int64_t steps_done = 0;   // by earlier processes
  double seconds_left = 0;  // until `time` is over; infinite without one
  int64_t batch = 0;
  int64_t training_samples = 0;
  int64_t validation_samples = 0;
  int64_t parameters = 0;   // trained numbers
  int64_t state_bytes = 0;  // parameters, statistics, optimizer memory
  int64_t copy_bytes = 0;   // of the states, for checkpoint.async
  int64_t arena_bytes = 0;  // everything else on the device
  std::string device;
};

struct StepReport {
  int64_t step = 0;  // 1 for the first
  double loss = 0;   // of the step's batch, before its update
  double lr = 0;
};

enum class TrainingEnd {
  finished,          // all steps done, or its time is over
  finished_already,  // by an earlier process; nothing was changed
  stopped,           // as asked, at a checkpoint; the same call goes on from there
};

struct TrainingResult {
  TrainingEnd end = TrainingEnd::finished;
  int64_t steps = 0;
  double loss = 0;           // of the last step
  bool out_of_time = false;  // it ended because `time` was over
  bool validated = false;
  Score validation;        // the last one
  std::string checkpoint;  // where `stopped`: its path
};

// Called as training goes, by the thread that trains. Each may be empty.
struct TrainingObserver {
  std::function<void(const TrainingPlan&)> started = {};
  std::function<void(const StepReport&)> stepped = {};
  std::function<void(int64_t step, const Score&)> validated = {};
  std::function<void(const std::string&)> noted = {};  // what a person should know: one line
  // After `validated`, where the recipe's `report` is set; where this is empty, no report is made.
  std::function<void(int64_t step, const Report&)> reported = {};
};

struct TrainingOptions {
  // Asked between micro-steps and while validating; true: write a checkpoint and return.
  std::function<bool()> stop = {};
  // Goes on with another recipe than the run's, which then becomes the run's.
  bool allow_changes = false;
  // Node by node, to name the first one that makes NaN or infinity (TrainingSession).
  bool stepwise = false;
};

// Trains what the recipe says and leaves in the folder `run`: recipe.toml, metrics.jsonl with one
// line per step ("step", "loss", "lr") and one per validation ("step", "split", "metrics"),
// checkpoints, and at the end final.safetensors. The bytes of weights and metrics depend on the
// recipe alone, however often the run was stopped or killed (and on where `time` ended it): in the
// folder of an unfinished run this goes on from the newest whole checkpoint, without one from the
// first step.
//
// Throws not_finite naming the step when a loss is NaN or infinite; invalid_argument where another
// process trains in `run`, it holds something else, or its recipe differs; as load_data,
// make_model, find_checkpoint and write_checkpoint.
TrainingResult train(const Recipe& recipe, const std::string& run,
                     const TrainingObserver& observer = {}, const TrainingOptions& options = {});

struct EvaluationOptions {
  int threads = 0;  // 0: the recipe's
  RunWeights weights = {};
  bool detailed = false;  // more than the score
};

// How well a run does on the test split. Throws as recipe_of_run, load_data and load_run_weights,
// and, where detailed, not_finite naming the sample for which the model says NaN.
Report report_run(const std::string& run, const EvaluationOptions& options = {});

// The score alone, of a finished run or of its checkpoint after optimizer step `checkpoint`.
Score evaluate_run(const std::string& run, int threads = 0, int64_t checkpoint = -1);

}  // namespace gradus
