// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_key_makers.h"

namespace gradus::keys {
namespace {

const std::string_view name = "optimizer.name";
const Names rules = {"sgd",  "momentum", "nesterov", "adagrad", "adadelta", "rmsprop",
                     "adam", "adamw",    "adamax",   "nadam",   "radam",    "adafactor",
                     "lion", "lars",     "lamb",     "muon",    "lbfgs"};
const Names with_betas = {"adam", "adamw", "adamax", "nadam", "radam", "lion", "lamb", "muon"};

Keys rule_keys() {
  return joined({
      only(name, {"momentum", "nesterov", "lars", "rmsprop", "muon"},
           {defaults(real("optimizer.momentum", 0.9, 0, below_one, "share of the last update kept"),
                     name, {{"rmsprop", 0.0}, {"muon", 0.95}})}),
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
           {flag("optimizer.amsgrad", false, "divide by the largest mean square so far"),
            flag("optimizer.sparse", false,
                 "of tables of embeddings, update the rows that a batch looks up and their moments "
                 "alone")}),
      only(name, {"nadam"},
           {real("optimizer.momentum_decay", 0.004, 0, unbounded, "of the rise of beta1")}),
      only(name, {"nadam", "radam"},
           {flag("optimizer.decoupled_weight_decay", false, "weight decay as with adamw")}),
      only(name, {"lars"},
           {real("optimizer.trust", 0.001, above_zero, unbounded,
                 "a layer's step as a share of its weights' norm, at lr 1")}),
      only(name, {"adafactor"},
           {real("optimizer.beta2_decay", -0.8, -unbounded, 0,
                 "mean squares move by step^beta2_decay of the way"),
            real("optimizer.eps2", 1e-3, 0, unbounded,
                 "least size of a weight, by which its rate is multiplied"),
            real("optimizer.d", 1, 1, unbounded,
                 "largest root mean square of a step, by its rate")}),
      only(name, {"muon"},
           {flag("optimizer.nesterov", true, "look ahead along the momentum"),
            integer("optimizer.ns_steps", 5, 0, 99, "rounds that make a step orthogonal"),
            text("optimizer.adjust_lr_fn", "original",
                 {"original", "match_rms_adamw", "spectral_unclamped"},
                 "lr of a matrix (a, b): sqrt(max(1, a / b)), 0.2 sqrt(max(a, b)) or sqrt(a / b)"),
            texts("optimizer.rest",
                  "patterns of the weights that AdamW updates, beside those below rank 2; none: "
                  "tables of embeddings and the last layer"),
            real("optimizer.rest_lr_scale", 1, 0, unbounded, "lr of those by `lr`")}),
      only(name, {"lbfgs"},
           {integer("optimizer.history_size", 100, 1, 10000,
                    "moves that stand for the curvature; each keeps two copies of all weights"),
            integer("optimizer.max_iter", 20, 1, large, "moves a step, all by the same batch"),
            integer("optimizer.max_eval", 0, 0, large,
                    "evaluations of loss and gradient a step; 0: 5/4 of max_iter"),
            real("optimizer.tolerance_grad", 1e-7, 0, unbounded,
                 "the step ends where no component of the gradient is larger"),
            real("optimizer.tolerance_change", 1e-9, 0, unbounded,
                 "the step ends where loss or weights change by less"),
            text("optimizer.line_search_fn", "none", {"none", "strong_wolfe"},
                 "what chooses how far a move goes; none: lr does")}),
      only(name,
           {"adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam", "radam", "lars",
            "lamb", "muon"},
           {defaults(
               real("optimizer.eps", 1e-8, 0, unbounded, "added to what gradients are divided by"),
               name, {{"adagrad", 1e-10}, {"adadelta", 1e-6}, {"lamb", 1e-6}, {"muon", 1e-7}})}),
  });
}

}  // namespace

Keys optimizer_keys() {
  return joined({
      {text(name, "adamw", rules, "the update rule")},
      rule_keys(),
      {flag("optimizer.maximize", false, "climb instead of descend"),
       defaults(real("optimizer.weight_decay", 0, 0, unbounded,
                     "pull of weights of rank 2 and more to zero; with adafactor, adamw, lion, "
                     "lamb and muon apart from the gradient"),
                name, {{"muon", 0.1}}),
       flag("optimizer.decay_all", false, "weight decay and penalties for weights of rank 1 too"),
       real("optimizer.layer_decay", 1, above_zero, 1,
            "lr of each layer by that of the one behind it"),
       texts("optimizer.groups.*.match",
             "a group of weights with settings of its own: patterns of their names"),
       real("optimizer.groups.*.lr_scale", 1, 0, unbounded, "lr of the group by `lr`"),
       real("optimizer.groups.*.weight_decay", -1, -1, unbounded,
            "of all weights of the group; below 0: as without the group")},
      {integer("lookahead.every", 0, 0, large,
               "steps between two of the slow weights, which the others then go on from; 0: none"),
       real("lookahead.alpha", 0.5, 0, 1, "share of the way that the slow weights go"),
       real("sam.rho", 0, 0, unbounded,
            "gradients are taken where the weights are after a move of this norm up the loss, "
            "which costs a second pass; 0: where they are")},
  });
}

}  // namespace gradus::keys
