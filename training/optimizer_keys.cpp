// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_key_makers.h"

namespace gradus::keys {
namespace {

const std::string_view name = "optimizer.name";
const Names rules = {"sgd",   "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam",
                     "adamw", "adamax",   "nadam",    "radam",   "lion",     "lars",    "lamb"};
const Names with_betas = {"adam", "adamw", "adamax", "nadam", "radam", "lion", "lamb"};

Keys rule_keys() {
  return joined({
      only(name, {"momentum", "nesterov", "lars", "rmsprop"},
           {defaults(real("optimizer.momentum", 0.9, 0, below_one, "share of the last update kept"),
                     name, {{"rmsprop", 0.0}})}),
      only(
          name, {"momentum"},
          {real("optimizer.dampening", 0, 0, 1, "share of the gradient left out of the momentum")}),
      only(name, {"momentum", "nesterov"},
           {text("optimizer.momentum_form", "pytorch", {"pytorch", "lr_inside"},
                 "lr on the momentum, or on each gradient as it enters it")}),
      only(name, with_betas,
           {real("optimizer.beta1", 0.9, 0, below_one, "decay of the mean gradient"),
            defaults(
                real("optimizer.beta2", 0.999, 0, below_one, "decay of the mean squared gradient"),
                name, {{"lion", 0.99}})}),
      only(name, {"rmsprop"},
           {real("optimizer.alpha", 0.99, 0, below_one, "decay of the mean squared gradient"),
            flag("optimizer.centered", false, "divide by the deviation, not the mean square")}),
      only(name, {"adadelta"},
           {real("optimizer.rho", 0.9, 0, below_one, "decay of the mean squares")}),
      only(name, {"adagrad"},
           {real("optimizer.lr_decay", 0, 0, unbounded, "lr / (1 + (step - 1) lr_decay)"),
            real("optimizer.initial_accumulator", 0, 0, unbounded, "what the sums start from")}),
      only(name, {"adam", "adamw"},
           {flag("optimizer.amsgrad", false, "divide by the largest mean square so far")}),
      only(name, {"nadam"},
           {real("optimizer.momentum_decay", 0.004, 0, unbounded, "of the rise of beta1")}),
      only(name, {"nadam", "radam"},
           {flag("optimizer.decoupled_weight_decay", false, "weight decay as with adamw")}),
      only(name, {"lars"},
           {real("optimizer.trust", 0.001, above_zero, unbounded,
                 "a layer's step as a share of its weights' norm, at lr 1")}),
      only(name,
           {"adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam", "radam", "lars",
            "lamb"},
           {defaults(
               real("optimizer.eps", 1e-8, 0, unbounded, "added to what gradients are divided by"),
               name, {{"adagrad", 1e-10}, {"adadelta", 1e-6}, {"lamb", 1e-6}})}),
  });
}

}  // namespace

Keys optimizer_keys() {
  return joined({
      {text(name, "adamw", rules, "the update rule")},
      rule_keys(),
      {flag("optimizer.maximize", false, "climb instead of descend"),
       real("optimizer.weight_decay", 0, 0, unbounded,
            "pull of weights of rank 2 and more to zero; with adamw, lion and lamb apart from the "
            "gradient"),
       flag("optimizer.decay_all", false, "weight decay and penalties for weights of rank 1 too"),
       real("optimizer.layer_decay", 1, above_zero, 1,
            "lr of each layer by that of the one behind it"),
       texts("optimizer.groups.*.match",
             "a group of weights with settings of its own: patterns of their names"),
       real("optimizer.groups.*.lr_scale", 1, 0, unbounded, "lr of the group by `lr`"),
       real("optimizer.groups.*.weight_decay", -1, -1, unbounded,
            "of all weights of the group; below 0: as without the group")},
  });
}

}  // namespace gradus::keys
