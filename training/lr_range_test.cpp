// SPDX-License-Identifier: Apache-2.0
#include "training/lr_range_test.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

// Before so many points a least value is chance.
constexpr size_t settled = 10;

void check(const LrRangeOptions& options) {
  GRADUS_CHECK(options.from > 0 && std::isfinite(options.to) && options.from < options.to,
               "[find lr] expected 0 < from < to, got {:g} and {:g}", options.from, options.to);
  GRADUS_CHECK(options.steps >= 2 && options.steps <= 1'000'000,
               "[find lr] steps, expected 2 to 1000000, got {}", options.steps);
  GRADUS_CHECK(options.smoothing >= 0 && options.smoothing < 1,
               "[find lr] smoothing, expected 0 to below 1, got {:g}", options.smoothing);
}

double rate(const LrRangeOptions& options, int64_t step) {
  if (step == options.steps) return options.to;  // to the bit
  const double share = static_cast<double>(step - 1) / static_cast<double>(options.steps - 1);
  return options.from * std::pow(options.to / options.from, share);
}

// A step's loss; none where it is not finite.
std::optional<double> loss_of(TrainingSession& session, int64_t step) {
  try {
    const double loss = session.run_step(step);
    if (std::isfinite(loss)) return loss;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_finite) throw;
  }
  return {};
}

}  // namespace

Recipe for_lr_range(const Recipe& recipe, const LrRangeOptions& options) {
  check(options);
  return recipe.with({fmt::format("steps={}", options.steps), "schedule.warmup=0"});
}

LrRangeResult test_lr_range(TrainingSession& session, const LrRangeOptions& options,
                            const std::function<void(const LrRangePoint&)>& stepped) {
  check(options);
  GRADUS_CHECK(session.steps() >= options.steps, "[find lr] a session of {} steps, expected {}",
               session.steps(), options.steps);
  LrRangeResult result;
  double mean = 0, weight = 1, least = HUGE_VAL;
  for (int64_t step = 1; step <= options.steps && !result.diverged; ++step) {
    const double lr = rate(options, step);
    session.control().hold_lr(lr);
    const std::optional<double> loss = loss_of(session, step);
    result.diverged = !loss;
    if (!loss) break;
    mean = options.smoothing * mean + (1 - options.smoothing) * *loss;
    weight *= options.smoothing;
    const LrRangePoint point{lr, *loss, mean / (1 - weight)};
    result.points.push_back(point);
    if (stepped) stepped(point);
    least = std::min(least, point.smoothed);
    // Losses below 0 have no multiples that would say anything.
    result.diverged =
        result.points.size() > settled && least > 0 && point.smoothed > options.divergence * least;
  }
  result.suggested = suggested_lr(result.points);
  return result;
}

double suggested_lr(const std::vector<LrRangePoint>& points) {
  const auto lowest = std::ranges::min_element(points, {}, &LrRangePoint::smoothed);
  double steepest = 0, lr = 0;
  // Over a few points: a slope between neighbours is mostly noise of the batches.
  const auto reach = static_cast<std::ptrdiff_t>(std::max<size_t>(points.size() / 20, 1));
  for (auto point = points.begin(); point < lowest; ++point) {
    const auto before = point - std::min(reach, point - points.begin());
    const auto behind = point + std::min(reach, points.end() - 1 - point);
    const double slope = (behind->smoothed - before->smoothed) / std::log(behind->lr / before->lr);
    if (slope >= steepest) continue;
    steepest = slope;
    lr = point->lr;
  }
  return lr;
}

}  // namespace gradus
