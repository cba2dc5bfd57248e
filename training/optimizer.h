// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "models/layers/parameter_table.h"
#include "ops/ops.h"
#include "training/recipe.h"

namespace gradus {

// An update rule by the name of its op and that op's attributes.
struct Optimizer {
  std::string op;                        // "sgd_step", "adamw_step", ...
  std::vector<std::string_view> memory;  // names of the tensors it keeps for each weight
  std::vector<std::pair<std::string, double>> attributes;
  bool nesterov = false;
  double weight_decay = 0;  // for weights that decay; 0 for the others
};

Optimizer make_optimizer(const Recipe& recipe);
// The rules by name with PyTorch's defaults: "sgd", "momentum", "nesterov", "adagrad", "rmsprop",
// "adam", "adamw".
Optimizer make_optimizer(std::string_view name, double weight_decay = 0);

// Adds the update of each weight by its gradient, and declares the rule's memory as states named
// "optimizer.<memory>.<weight>". `lr` and `step` (1 for the first) are values of one element.
// `weights` are states.
void add_updates(const Optimizer& optimizer, Graph& graph, ParameterTable& parameters,
                 std::span<const Value> weights, std::span<const Value> gradients, Value lr,
                 Value step);

}  // namespace gradus
