// SPDX-License-Identifier: Apache-2.0
#include "training/best_checkpoints.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr double largest_step = 0x1p53;

std::vector<int64_t> steps_of(const ProgressFields& fields) {
  std::vector<int64_t> steps;
  for (const double step : progress_numbers(fields, "steps")) {
    if (step < 0 || step > largest_step || step != std::floor(step))
      failf(ErrorKind::bad_data, "progress", "the field 'steps', expected counts, got {}", step);
    steps.push_back(static_cast<int64_t>(step));
  }
  return steps;
}

}  // namespace

void BestCheckpoints::add(int64_t step, const Score& score) {
  const double value = on_accuracy_ ? score.accuracy : score.loss;
  if (keep_ == 0 || !std::isfinite(value)) return;
  const auto better = [&](double other) { return on_accuracy_ ? other >= value : other <= value; };
  const auto at = std::ranges::find_if_not(scores_, better) - scores_.begin();
  steps_.insert(steps_.begin() + at, step);
  scores_.insert(scores_.begin() + at, value);
  if (std::ssize(steps_) <= keep_) return;
  steps_.pop_back();
  scores_.pop_back();
}

bool BestCheckpoints::holds(int64_t step) const {
  return std::ranges::find(steps_, step) != steps_.end();
}

ProgressFields BestCheckpoints::fields() const {
  return {{"steps", {steps_.begin(), steps_.end()}}, {"scores", scores_}};
}

void BestCheckpoints::restore(const ProgressFields& fields) {
  std::vector<int64_t> steps = steps_of(fields);
  std::vector<double> scores =
      progress_numbers(fields, "scores", static_cast<int64_t>(steps.size()));
  const size_t kept = std::min(steps.size(), static_cast<size_t>(keep_));
  steps.resize(kept);
  scores.resize(kept);
  steps_ = std::move(steps);
  scores_ = std::move(scores);
}

int64_t best_step(const ProgressFields& fields) {
  if (fields.empty()) return -1;
  const std::vector<int64_t> steps = steps_of(fields);
  return steps.empty() ? -1 : steps.front();
}

}  // namespace gradus
