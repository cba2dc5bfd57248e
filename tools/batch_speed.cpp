// SPDX-License-Identifier: Apache-2.0
#include "tools/batch_speed.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "training/session.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t warm_up_steps = 2, most_steps = 1'000'000;

double best_rate(const std::vector<BatchSpeed>& speeds) {
  double best = 0;
  for (const BatchSpeed& speed : speeds) best = std::max(best, speed.samples_per_second());
  return best;
}

}  // namespace

BatchSpeed measure_batch(const Recipe& recipe, const TrainingData& data, int64_t batch,
                         double seconds) {
  const Recipe changed =
      recipe.with({fmt::format("batch={}", batch), fmt::format("steps={}", most_steps)});
  TrainingSession session(changed, data);
  std::vector<double> times;
  double total = 0;
  for (int64_t step = 1; step <= most_steps && (times.size() < 3 || total < seconds); ++step) {
    const Clock::time_point start = Clock::now();
    session.run_step(step);
    const std::chrono::duration<double> took = Clock::now() - start;
    if (step <= warm_up_steps) continue;
    times.push_back(took.count());
    total += took.count();
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return {batch, *middle};
}

int64_t fastest_batch(const std::vector<BatchSpeed>& speeds) {
  const double best = best_rate(speeds);
  for (const BatchSpeed& speed : speeds)
    if (speed.samples_per_second() >= 0.97 * best) return speed.batch;
  return 0;
}

bool is_past_best(const std::vector<BatchSpeed>& speeds) {
  if (speeds.size() < 3) return false;
  const double limit = 0.9 * best_rate(speeds);
  return std::all_of(speeds.end() - 2, speeds.end(),
                     [&](const BatchSpeed& speed) { return speed.samples_per_second() < limit; });
}

}  // namespace gradus
