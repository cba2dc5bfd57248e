// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "training/score.h"
#include "training/trainer.h"

namespace gradus {

// What was reached with so many training samples.
struct LearningCurvePoint {
  int64_t samples = 0;
  int64_t seed = 0;
  int64_t steps = 0;
  double training_loss = 0;  // of the last step
  Score score = {};
  std::string run = {};  // its folder
};

struct LearningCurvePlan {
  std::string recipe;                       // a file
  std::vector<std::string> overrides = {};  // of every run
  std::vector<int64_t> sizes = {};          // 0: all training samples
  int64_t seeds = 1;  // runs of each size, with the recipe's seed and those that follow on it
  std::string folder = {};
};

// "50,200,all" as sizes. Throws invalid_argument for anything else.
std::vector<int64_t> parse_sizes(const std::string& text);

struct LearningCurve {
  std::string split;                       // that the scores are of: test, else validation
  std::vector<LearningCurvePoint> points;  // by size, then seed
};

// Trains a run FOLDER/samples-N-seed-S for each size and seed as train() does, with data.samples=N
// and `batch` no larger than that, and scores each on the test split, where there is none on the
// validation split. Runs that are finished are not trained again, others go on. None: `stop`
// became true. Throws invalid_argument, before anything is trained, for a size beyond the training
// samples and for data with neither split; as train and evaluate_run.
std::optional<LearningCurve> learning_curve(
    const LearningCurvePlan& plan, const std::function<void(const LearningCurvePoint&)>& done,
    const std::function<bool()>& stop);

}  // namespace gradus
