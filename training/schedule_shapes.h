// SPDX-License-Identifier: Apache-2.0
// The forms of learning rate schedules, as shares of the highest rate. `t` counts from 0; `end` is
// the last t of the run. Where PyTorch's torch.optim.lr_scheduler has the form, these are its
// values; a rate that has reached its end stays there.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gradus {

double step_share(int64_t t, int64_t period, double gamma);  // StepLR
// MultiStepLR; `milestones` ascend.
double multi_step_share(int64_t t, const std::vector<int64_t>& milestones, double gamma);
double exponential_share(int64_t t, double gamma);  // ExponentialLR

// From 1 to `final` over `length`. With final 0 it is PolynomialLR, with power 1 LinearLR.
double polynomial_share(int64_t t, int64_t length, double power, double final);
// CosineAnnealingLR over half a cosine (Loshchilov and Hutter 2017).
double cosine_share(int64_t t, int64_t length, double final);
// CosineAnnealingWarmRestarts: periods of `first`, first * multiply, first * multiply^2, ...
double cosine_restarts_share(int64_t t, int64_t first, int64_t multiply, double final);

// CyclicLR (Smith 2017): up from `low` to 1 over `up`, back over `down`.
struct Cycle {
  enum class Mode { triangular, triangular2, exp_range };
  Mode mode = Mode::triangular;
  int64_t up = 1, down = 1;
  double low = 0;
  double gamma = 1;  // of exp_range
};
double cyclic_share(int64_t t, const Cycle& cycle);

// OneCycleLR (Smith and Topin 2018) over end + 1 steps: from `start` to 1 over the share `rise` of
// them, then to `final`, in three_phase by way of `start`; along cosines or lines.
struct OneCycle {
  double start = 0.04, rise = 0.3, final = 4e-6;
  bool linear = false, three_phase = false;
};
double one_cycle_share(int64_t t, int64_t end, const OneCycle& cycle);

// 1, then over the last share `decay` of the run down to `final` along `shape`: "linear", "cosine",
// "sqrt" (1 - sqrt(progress), Hägele et al. 2024).
double stable_decay_share(int64_t t, int64_t end, double decay, double final,
                          std::string_view shape);
// sqrt(timescale / (timescale + t)): with a warm-up of `timescale` steps that is the Transformer's
// (Vaswani et al. 2017).
double inverse_sqrt_share(int64_t t, int64_t timescale);

}  // namespace gradus
