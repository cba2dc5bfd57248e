// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_key_makers.h"

namespace gradus::keys {
namespace {

const std::string_view name = "schedule.name";
const Names forms = {"constant",        "step",   "multi_step",  "exponential", "polynomial",
                     "linear",          "cosine", "cyclic",      "one_cycle",   "plateau",
                     "cosine_restarts", "wsd",    "inverse_sqrt"};

Keys shape_keys() {
  return joined({
      only(name, {"step", "cosine_restarts", "cyclic"},
           {integer("schedule.period", 0, 0, large,
                    "between drops, of the first restart, of the rise; 0: a tenth of the run")}),
      only(name, {"step", "multi_step", "exponential", "cyclic", "plateau"},
           {defaults(real("schedule.gamma", 0.1, above_zero, 1, "what each drop leaves of lr"),
                     name, {{"exponential", 0.999}, {"cyclic", 1.0}})}),
      only(name, {"multi_step"},
           {integers("schedule.milestones", {}, 1, "where lr drops, from the schedule's start")}),
      only(name, {"polynomial", "linear", "cosine"},
           {integer("schedule.length", 0, 0, large, "of the fall; 0: to the end of the run")}),
      only(name, {"polynomial"}, {real("schedule.power", 1, above_zero, 100, "of the fall")}),
      only(name,
           {"polynomial", "linear", "cosine", "cosine_restarts", "one_cycle", "wsd", "plateau"},
           {defaults(real("schedule.final", 0, 0, 1, "lr at the end as a share of `lr`"), name,
                     {{"one_cycle", 4e-6}})}),
      only(name, {"cosine_restarts"},
           {integer("schedule.multiply", 1, 1, 1024, "length of a period by the one before")}),
      only(name, {"cyclic", "one_cycle"},
           {defaults(real("schedule.start", 0.04, 0, 1, "lr at the start as a share of `lr`"), name,
                     {{"cyclic", 0.1}})}),
      only(name, {"cyclic"},
           {integer("schedule.down", 0, 0, large, "length of a cycle's fall; 0: as its rise"),
            text("schedule.mode", "triangular", {"triangular", "triangular2", "exp_range"},
                 "height of the cycles: same, halved, times gamma each step")}),
      only(name, {"one_cycle"},
           {real("schedule.rise", 0.3, 0, 1, "share of the run in which lr rises"),
            flag("schedule.three_phase", false, "fall to the start as long as the rise, then on")}),
      only(name, {"wsd"},
           {real("schedule.decay", 0.2, 0, 1, "share of the run in which lr falls")}),
      only(name, {"one_cycle", "wsd"},
           {defaults(text("schedule.shape", "cosine", {"cosine", "linear", "sqrt"},
                          "of the fall; sqrt (only wsd) is 1 - sqrt(progress)"),
                     name, {{"wsd", "linear"}})}),
      only(name, {"inverse_sqrt"},
           {integer("schedule.timescale", 0, 0, large,
                    "steps after which lr begins to fall as 1 / sqrt(step); 0: schedule.warmup")}),
  });
}

Keys plateau_keys() {
  return only(name, {"plateau"},
              {text("schedule.metric", "loss", {"loss", "accuracy"}, "of the validation"),
               integer("schedule.patience", 10, 0, large,
                       "validations without progress that are waited for before a drop"),
               real("schedule.threshold", 1e-4, 0, unbounded, "the least that counts as progress"),
               text("schedule.threshold_mode", "rel", {"rel", "abs"},
                    "threshold as a share of the best value, or in its units"),
               integer("schedule.cooldown", 0, 0, large, "validations ignored after a drop")});
}

}  // namespace

Keys schedule_keys() {
  Names in_time = forms;
  std::erase(in_time, "constant");
  std::erase(in_time, "plateau");
  std::erase(in_time, "inverse_sqrt");
  return joined({
      {text(name, "constant", forms, "how lr moves over the run"),
       integer("schedule.warmup", 0, 0, large, "steps over which lr rises from 0")},
      only(name, in_time,
           {text("schedule.by", "step", {"step", "epoch"},
                 "what lengths count: steps from the end of the warm-up, or whole epochs")}),
      shape_keys(),
      plateau_keys(),
  });
}

}  // namespace gradus::keys
