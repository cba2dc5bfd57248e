// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "engine/exec/state_store.h"
#include "models/layers/parameter_table.h"
#include "training/recipe.h"

namespace gradus {

// Limited-memory BFGS (Nocedal 1980; two-loop recursion of Nocedal and Wright, algorithm 7.4), with
// the options, defaults and rules of PyTorch's torch.optim.LBFGS.
struct LbfgsOptions {
  int64_t max_iter = 20;  // moves a step
  int64_t max_eval = 25;  // evaluations a step, after which no further move begins
  int64_t history_size =
      100;  // pairs of moves and changes of the gradient that stand for curvature
  double tolerance_grad = 1e-7;    // largest component of a gradient that is taken for 0
  double tolerance_change = 1e-9;  // of loss, weights and slope: a smaller one ends the step
  bool strong_wolfe = false;       // whether a line search chooses how far to move, else lr does
  bool maximize = false;
};

// Throws invalid_argument, naming the key, for settings that do not go with it.
LbfgsOptions make_lbfgs(const Recipe& recipe);

// Declares what it keeps, for all weights of the table: states whose names begin with
// "optimizer.lbfgs.". All weights have the dtype `dtype`.
void declare_lbfgs(const LbfgsOptions& options, DType dtype, ParameterTable& parameters);

// Where a program leaves the gradients of all weights, flat, in the table's order.
inline constexpr std::string_view lbfgs_gradient = "optimizer.lbfgs.gradient";

// Moves weights that are states on the host; all that it remembers is in states.
class Lbfgs {
 public:
  // The states are declared (declare_lbfgs) and outlive it.
  Lbfgs(const LbfgsOptions& options, const ParameterTable& parameters, StateStore& states);

  // One step of up to max_iter moves. `evaluate` gives the loss at the weights as they are and
  // leaves its gradient in lbfgs_gradient. Returns the loss before the first move. Throws bad_data
  // where the states cannot be what a step left. Allocates nothing.
  double step(double lr, const std::function<double()>& evaluate);

 private:
  LbfgsOptions options_;
  std::vector<Tensor> weights_;
  Tensor gradient_, previous_, direction_, changes_, moves_, factors_, numbers_, work_;
  std::vector<double> alphas_, partial_sums_;
};

}  // namespace gradus
