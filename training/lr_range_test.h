// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "training/session.h"

namespace gradus {

// The learning-rate range test (Smith 2017): the rate rises by the same factor at each step, from
// `from` to `to` inclusive, and the loss shows where learning is quick and where it breaks.
struct LrRangeOptions {
  double from = 1e-7, to = 10;
  int64_t steps = 100;
  double smoothing = 0.9;  // decay of the running mean of losses, its start corrected
  double divergence = 4;   // a smoothed loss of so many times the least ends the test
};

struct LrRangePoint {
  double lr, loss, smoothed;
};

struct LrRangeResult {
  std::vector<LrRangePoint> points;
  bool diverged = false;  // the test ended early, or a loss was not finite
  // Where the smoothed loss falls most steeply by the logarithm of the rate, at or before its least
  // value. 0 where it never falls.
  double suggested = 0;
};

// `recipe` with the steps of the test; its schedule and time do not matter.
Recipe for_lr_range(const Recipe& recipe, const LrRangeOptions& options);

// On a new session of for_lr_range's recipe. Deterministic. `stepped` sees every point as it comes;
// it may be empty. Throws invalid_argument where options do not make sense.
LrRangeResult test_lr_range(TrainingSession& session, const LrRangeOptions& options,
                            const std::function<void(const LrRangePoint&)>& stepped = {});

// The rate that `points` suggest.
double suggested_lr(const std::vector<LrRangePoint>& points);

}  // namespace gradus
