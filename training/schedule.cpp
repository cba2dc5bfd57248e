// SPDX-License-Identifier: Apache-2.0
#include "training/schedule.h"

#include <algorithm>

#include "engine/base/error.h"
#include "training/schedule_shapes.h"

namespace gradus {
namespace {

using Share = std::function<double(int64_t)>;

Share falling(const Recipe& recipe, const std::string& form, int64_t end) {
  const double final = recipe.real("schedule.final");
  const int64_t given = recipe.integer("schedule.length"), length = given > 0 ? given : end;
  if (form == "cosine") return [=](int64_t t) { return cosine_share(t, length, final); };
  const double power = form == "polynomial" ? recipe.real("schedule.power") : 1.0;
  return [=](int64_t t) { return polynomial_share(t, length, power, final); };
}

Share dropping(const Recipe& recipe, const std::string& form, int64_t period) {
  const double gamma = recipe.real("schedule.gamma");
  if (form == "exponential") return [=](int64_t t) { return exponential_share(t, gamma); };
  if (form == "step") return [=](int64_t t) { return step_share(t, period, gamma); };
  std::vector<int64_t> milestones = recipe.integers("schedule.milestones");
  GRADUS_CHECK(!milestones.empty(), "[schedule.milestones] expected at least one number");
  std::ranges::sort(milestones);
  return [=](int64_t t) { return multi_step_share(t, milestones, gamma); };
}

Share cycling(const Recipe& recipe, int64_t period) {
  const std::string& mode = recipe.text("schedule.mode");
  const int64_t down = recipe.integer("schedule.down");
  const Cycle cycle = {.mode = mode == "triangular"    ? Cycle::Mode::triangular
                               : mode == "triangular2" ? Cycle::Mode::triangular2
                                                       : Cycle::Mode::exp_range,
                       .up = period,
                       .down = down > 0 ? down : period,
                       .low = recipe.real("schedule.start"),
                       .gamma = recipe.real("schedule.gamma")};
  return [=](int64_t t) { return cyclic_share(t, cycle); };
}

Share one_cycle(const Recipe& recipe, int64_t end) {
  const std::string& shape = recipe.text("schedule.shape");
  const OneCycle cycle = {.start = recipe.real("schedule.start"),
                          .rise = recipe.real("schedule.rise"),
                          .final = recipe.real("schedule.final"),
                          .linear = shape == "linear",
                          .three_phase = recipe.boolean("schedule.three_phase")};
  GRADUS_CHECK(shape != "sqrt", "[schedule.shape] 'sqrt' belongs to wsd, not to one_cycle");
  GRADUS_CHECK(!cycle.three_phase || cycle.rise <= 0.5,
               "[schedule.rise] expected at most 0.5 with three_phase, got {}", cycle.rise);
  return [=](int64_t t) { return one_cycle_share(t, end, cycle); };
}

// `end` is the last t.
Share share_of(const Recipe& recipe, const std::string& form, int64_t end) {
  const auto period = [&] {
    const int64_t given = recipe.integer("schedule.period");
    return given > 0 ? given : std::max<int64_t>((end + 1) / 10, 1);
  };
  if (form == "polynomial" || form == "linear" || form == "cosine")
    return falling(recipe, form, end);
  if (form == "step") return dropping(recipe, form, period());
  if (form == "multi_step" || form == "exponential") return dropping(recipe, form, 0);
  if (form == "cyclic") return cycling(recipe, period());
  if (form == "one_cycle") return one_cycle(recipe, end);
  if (form == "cosine_restarts") {
    const int64_t multiply = recipe.integer("schedule.multiply");
    const double final = recipe.real("schedule.final");
    return [=, first = period()](int64_t t) {
      return cosine_restarts_share(t, first, multiply, final);
    };
  }
  if (form == "wsd") {
    const double decay = recipe.real("schedule.decay"), final = recipe.real("schedule.final");
    return [=, shape = recipe.text("schedule.shape")](int64_t t) {
      return stable_decay_share(t, end, decay, final, shape);
    };
  }
  if (form == "inverse_sqrt") {
    const int64_t given = recipe.integer("schedule.timescale");
    const int64_t scale =
        given > 0 ? given : std::max<int64_t>(recipe.integer("schedule.warmup"), 1);
    return [=](int64_t t) { return inverse_sqrt_share(t, scale); };
  }
  return [](int64_t) { return 1.0; };
}

Plateau::Options plateau_options(const Recipe& recipe) {
  const Plateau::Options options = {
      .larger_is_better = recipe.text("schedule.metric") == "accuracy",
      .factor = recipe.real("schedule.gamma"),
      .patience = recipe.integer("schedule.patience"),
      .threshold = recipe.real("schedule.threshold"),
      .relative = recipe.text("schedule.threshold_mode") == "rel",
      .cooldown = recipe.integer("schedule.cooldown"),
      .least = recipe.real("schedule.final") * recipe.real("lr")};
  GRADUS_CHECK(options.factor < 1, "[schedule.gamma] expected below 1 with plateau, got {}",
               options.factor);
  return options;
}

}  // namespace

double Schedule::at(int64_t step) const {
  const double top = follows_validation_ ? plateau_.rate() : lr_;
  if (step < warmup_) return top * static_cast<double>(step) / static_cast<double>(warmup_);
  if (follows_validation_) return top;
  const int64_t t =
      steps_per_epoch_ > 0 ? (step - 1) / steps_per_epoch_ : step - std::max<int64_t>(warmup_, 1);
  return lr_ * share_(t);
}

void Schedule::validated(const Score& score) {
  if (follows_validation_) plateau_.add(on_accuracy_ ? score.accuracy : score.loss);
}

ProgressFields Schedule::fields() const {
  return follows_validation_ ? plateau_.fields() : ProgressFields();
}

void Schedule::restore(const ProgressFields& fields) {
  if (follows_validation_) plateau_.restore(fields);
}

Schedule make_schedule(const Recipe& recipe, int64_t steps, int64_t steps_per_epoch) {
  Schedule schedule;
  const std::string& form = recipe.text("schedule.name");
  schedule.lr_ = recipe.real("lr");
  schedule.warmup_ = recipe.integer("schedule.warmup");
  if (form == "plateau") {
    schedule.follows_validation_ = true;
    schedule.on_accuracy_ = recipe.text("schedule.metric") == "accuracy";
    schedule.plateau_ = Plateau(schedule.lr_, plateau_options(recipe));
    return schedule;
  }
  const bool epochs = recipe.has("schedule.by") && recipe.text("schedule.by") == "epoch";
  if (epochs) schedule.steps_per_epoch_ = std::max<int64_t>(steps_per_epoch, 1);
  const int64_t end = epochs ? (steps - 1) / schedule.steps_per_epoch_
                             : steps - std::max<int64_t>(schedule.warmup_, 1);
  schedule.share_ = share_of(recipe, form, std::max<int64_t>(end, 0));
  return schedule;
}

}  // namespace gradus
