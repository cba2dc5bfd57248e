// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace gradus {

// A point of a function along a line: how far, its value and slope there, and which of the caller's
// places holds its gradient.
struct LinePoint {
  double t = 0, value = 0, slope = 0;
  int place = 0;
};
inline constexpr int line_places = 4;  // place 0 is the start's

struct LineSearchOptions {
  double largest =
      1;  // component of the direction: what it moves by t of is a change of t * largest
  double tolerance_change = 1e-9;
  int64_t most_rounds = 25;  // evaluations after the first
};

struct LineSearchResult {
  LinePoint point;
  int64_t evaluations = 0;
};

// A point beyond `start` (t = 0), tried first at `t`, that meets the strong Wolfe conditions with
// c1 = 1e-4 and c2 = 0.9 (Nocedal and Wright, algorithms 3.5 and 3.6, with safeguards of PyTorch's
// torch.optim.LBFGS), or the lowest one found when the rounds are over or the bracket is too small.
// A value that is not a number counts as too high. `at` evaluates at t and leaves the gradient in
// the place.
LineSearchResult strong_wolfe(const std::function<LinePoint(double t, int place)>& at,
                              const LinePoint& start, double t, const LineSearchOptions& options);

}  // namespace gradus
