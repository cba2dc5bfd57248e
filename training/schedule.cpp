// SPDX-License-Identifier: Apache-2.0
#include "training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {

double Schedule::at(int64_t step) const {
  if (step <= warmup) return lr * static_cast<double>(step) / static_cast<double>(warmup);
  if (form == Form::constant) return lr;
  const double length = static_cast<double>(std::max<int64_t>(steps - warmup, 1));
  const double progress = std::min(static_cast<double>(step - warmup) / length, 1.0);
  const double share = final + (1 - final) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return lr * share;
}

Schedule make_schedule(const Recipe& recipe, int64_t steps) {
  Schedule schedule;
  schedule.lr = recipe.real("lr");
  schedule.warmup = recipe.integer("schedule.warmup");
  schedule.steps = steps;
  if (recipe.text("schedule.name") == "cosine") {
    schedule.form = Schedule::Form::cosine;
    schedule.final = recipe.real("schedule.final");
  }
  return schedule;
}

}  // namespace gradus
