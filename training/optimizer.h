// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/layers/parameter_table.h"
#include "ops/ops.h"
#include "training/lbfgs.h"
#include "training/recipe.h"

namespace gradus {

// Weights with settings of their own, by patterns of their names (name_pattern.h).
struct WeightGroup {
  std::string name;
  std::vector<std::string> match;
  double lr_scale = 1;
  std::optional<double> weight_decay = {};  // of all its weights; else the optimizer's
};

// What becomes of loss, gradient and weight beside the update rule.
struct Regularisation {
  double label_smoothing = 0;
  bool mixes = false;      // whether samples are mixed in pairs (sample_mixing.h)
  double l1 = 0, l2 = 0;   // l1 sum |w| + l2 sum w^2 over the weights that decay
  bool proximal = false;   // l1 as a step towards 0 behind the update
  double clip_value = 0;   // largest size of a component; 0: no limit
  double noise = 0;        // variance of the noise added at the first step
  double noise_decay = 0;  // it falls as step^-noise_decay
};

// An update rule by the name of its op and that op's attributes.
struct UpdateRule {
  // Of what shape a memory is: the weight's, of one element, or, of a weight of rank 2 and more,
  // with a last dim or a last but one of 1; `of_vector`: the weight's where its rank is below 2.
  enum class Extent { weight, number, row, column, of_vector };
  // A tensor that the rule keeps for each weight: the op's input of this name.
  struct Memory {
    std::string_view name;
    double first = 0;  // its first value
    Extent extent = Extent::weight;

    std::optional<Shape> shape(Shape weight) const;  // none: such a weight has no such memory
  };

  std::string op;  // "sgd_step", "adamw_step", ...
  std::vector<Memory> memory = {};
  AttrList attributes = {};
};

// Slow weights that move by `share` of the way to the others every `every` steps, which then go on
// from there (Zhang et al. 2019).
struct Lookahead {
  int64_t every = 0;  // 0: none
  double share = 0.5;
};

struct Optimizer {
  // Layer-wise rates by norms: LARS (You et al. 2017) around sgd_step, LAMB (You et al. 2019)
  // around adam_step.
  enum class Trust { none, lars, lamb };

  // In the place of all rules: weights are moved by the host, and a step's program gives it loss
  // and gradient.
  std::optional<LbfgsOptions> lbfgs = {};
  UpdateRule rule = {};
  // What updates the weights that `rule` is not for, with Muon: those below rank 2 and those that
  // `rest_match` names, which without patterns are tables of embeddings and the last layer's.
  std::optional<UpdateRule> rest = {};
  std::vector<std::string> rest_match = {};
  double rest_lr_scale = 1;
  // Tables that are looked up are updated by the rows that the batch names alone
  // (sparse_adam_step); of adam_step and adamw_step.
  bool sparse = false;
  double weight_decay = 0;  // for weights that decay; 0 for the others
  Trust trust = Trust::none;
  double trust_coefficient = 1, trust_eps = 0;

  bool decay_all = false;  // weights of rank 1 decay too
  double layer_decay = 1;
  Lookahead lookahead = {};
  double sharpness = 0;  // how far weights move for the gradient (sharpness.h); 0: not at all
  std::vector<WeightGroup> groups = {};
  std::vector<std::string> frozen = {};  // patterns of weights that do not train
  int64_t frozen_until = 0;              // the first step at which they do; 0: never
  Regularisation regularisation = {};
  bool guarded = false;   // updates may be skipped (update_guard.h)
  bool averaged = false;  // weights are averaged (averages.h)
};

// Throws invalid_argument naming the keys where settings do not fit together.
Optimizer make_optimizer(const Recipe& recipe);
// A rule by the name that recipes have for it, with PyTorch's defaults.
Optimizer make_optimizer(std::string_view name, double weight_decay = 0);

// Adds the update of each weight by its gradient (absent: none), and declares the rule's memory as
// states named "optimizer.<memory>.<weight>". `lr` and `step` (1 for the first) are values of one
// element. `weights` are states. Where the boolean `skip` (absent: never) is true, all stay as they
// are. Returns the weights' next versions, absent where there is none.
std::vector<Value> add_updates(const Optimizer& optimizer, Graph& graph, ParameterTable& parameters,
                               std::span<const Value> weights, std::span<const Value> gradients,
                               Value lr, Value step, Value skip = {});

}  // namespace gradus
