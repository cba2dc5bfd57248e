// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "training/optimizer.h"

namespace gradus {

// What an optimizer's settings come to for one weight.
struct WeightRule {
  double lr_scale = 1;
  double weight_decay = 0;
  bool decays = false;  // whether penalties apply
  bool frozen = false;
  bool last_layer = false;  // of the layer that is declared last
};

// Of each of `weights` (all that a model trains, in the order in which it declares them). With a
// layer decay d the rate of a weight is times d^(number of layers behind its own); a layer is a
// name up to its first number ("h.3"), or up to its first dot ("fc1"). Throws invalid_argument
// where a group's or freeze's pattern fits no weight, a weight is in two groups, or nothing trains.
std::vector<WeightRule> weight_rules(const Optimizer& optimizer,
                                     std::span<const Parameter> weights);

// The blocks of a model, as prefixes of names: "h.3." of layers that have a number.
std::vector<std::string> block_prefixes(const ParameterTable& parameters);

// The parameters that these states are.
std::vector<Parameter> parameters_of(const ParameterTable& parameters,
                                     std::span<const Value> states);

}  // namespace gradus
