// SPDX-License-Identifier: Apache-2.0
#include "training/schedule_shapes.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

double real(int64_t t) { return static_cast<double>(t); }

double progress(int64_t t, int64_t length) {
  return length <= 0 ? 1.0 : std::clamp(real(t) / real(length), 0.0, 1.0);
}

double cosine_between(double from, double to, double way) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * way));
}

}  // namespace

double step_share(int64_t t, int64_t period, double gamma) {
  return std::pow(gamma, real(t / period));
}

double multi_step_share(int64_t t, const std::vector<int64_t>& milestones, double gamma) {
  const auto passed = std::ranges::upper_bound(milestones, t) - milestones.begin();
  return std::pow(gamma, static_cast<double>(passed));
}

double exponential_share(int64_t t, double gamma) { return std::pow(gamma, real(t)); }

double polynomial_share(int64_t t, int64_t length, double power, double final) {
  return final + (1 - final) * std::pow(1 - progress(t, length), power);
}

double cosine_share(int64_t t, int64_t length, double final) {
  return cosine_between(1, final, progress(t, length));
}

double cosine_restarts_share(int64_t t, int64_t first, int64_t multiply, double final) {
  int64_t period = first;
  if (multiply == 1) {
    t %= first;
  } else {
    while (t >= period) {
      t -= period;
      // A period beyond every t need not grow further.
      if (period > INT64_MAX / multiply) break;
      period *= multiply;
    }
  }
  return cosine_between(1, final, real(t) / real(period));
}

double cyclic_share(int64_t t, const Cycle& cycle) {
  const int64_t total = cycle.up + cycle.down, number = t / total, at = t % total;
  const double height =
      at <= cycle.up ? real(at) / real(cycle.up) : real(total - at) / real(cycle.down);
  double scale = 1;
  if (cycle.mode == Cycle::Mode::triangular2) scale = std::pow(0.5, real(number));
  if (cycle.mode == Cycle::Mode::exp_range) scale = std::pow(cycle.gamma, real(t));
  return cycle.low + (1 - cycle.low) * height * scale;
}

double one_cycle_share(int64_t t, int64_t end, const OneCycle& cycle) {
  struct Phase {
    double end, from, to;
  };
  const double top = cycle.rise * real(end + 1) - 1;
  const Phase up = {top, cycle.start, 1};
  const std::vector<Phase> phases =
      cycle.three_phase ? std::vector<Phase>{up,
                                             {2 * cycle.rise * real(end + 1) - 2, 1, cycle.start},
                                             {real(end), cycle.start, cycle.final}}
                        : std::vector<Phase>{up, {real(end), 1, cycle.final}};
  double begin = 0;
  for (const Phase& phase : phases) {
    if (real(t) <= phase.end || &phase == &phases.back()) {
      const double length = phase.end - begin;
      const double way = length > 0 ? std::min((real(t) - begin) / length, 1.0) : 1.0;
      return cycle.linear ? phase.from + (phase.to - phase.from) * way
                          : cosine_between(phase.from, phase.to, way);
    }
    begin = phase.end;
  }
  return cycle.final;
}

double stable_decay_share(int64_t t, int64_t end, double decay, double final,
                          std::string_view shape) {
  const double length = decay * real(end), begin = real(end) - length;
  if (real(t) <= begin) return 1;
  const double way = std::min((real(t) - begin) / length, 1.0);
  if (shape == "cosine") return cosine_between(1, final, way);
  const double left = shape == "sqrt" ? 1 - std::sqrt(way) : 1 - way;
  return final + (1 - final) * left;
}

double inverse_sqrt_share(int64_t t, int64_t timescale) {
  return std::sqrt(real(timescale) / real(timescale + t));
}

}  // namespace gradus
