// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_key_makers.h"

namespace gradus::keys {

namespace {

Keys average_keys() {
  const std::string_view name = "average.name";
  return joined({
      {text(name, "none", {"none", "ema", "swa"},
            "average of the weights over steps, saved as ema.NAME and used by evaluation")},
      only(name, {"ema"},
           {real("average.decay", 0.999, 0, below_one, "what a step leaves of the average"),
            flag("average.rising", false, "decay at most (1 + n) / (10 + n) after n steps")}),
      only(name, {"ema", "swa"},
           {integer("average.start", 0, 0, large,
                    "the step before which it only follows; 0: the first, with swa at 3/4 of the "
                    "run")}),
      only(name, {"swa"},
           {integer("average.every", 0, 0, large,
                    "steps from one that counts to the next; 0: an "
                    "epoch")}),
  });
}

Keys guard_keys() {
  const std::string_view policy = "guard.policy";
  return joined({
      {text(policy, "stop", {"stop", "skip"},
            "a loss or gradient that is not finite: end the run, or leave out its update")},
      only(policy, {"skip"},
           {real("guard.spike", 0, 0, unbounded,
                 "deviations above the mean of the last updates' loss or gradient norm at which an "
                 "update is left out once; 0: never"),
            integer("guard.window", 128, 2, 1 << 16, "updates that make this mean"),
            integer("guard.limit", 10, 0, large, "most updates left out in a row")}),
  });
}

Keys plain_keys() {
  return {
      real("mix.mixup", 0, 0, 1000, "alpha of mixing images in pairs, targets too; 0: off"),
      real("mix.cutmix", 0, 0, 1000, "alpha of pasting a box of one image into another; 0: off"),
      texts("freeze.match", "patterns of the names of weights that are not trained"),
      integer("freeze.until", 0, 0, large, "the first step at which these train; 0: never"),
      real("penalty.l1", 0, 0, unbounded, "times the sum of sizes of decaying weights: their pull"),
      real("penalty.l2", 0, 0, unbounded, "times the sum of squares of decaying weights"),
      text("penalty.l1_form", "subgradient", {"subgradient", "proximal"},
           "proximal: weights shrink to exactly 0 after each step"),
      real("noise.gradient", 0, 0, unbounded, "variance of noise added to gradients at step 0"),
      real("noise.decay", 0.55, 0, 10, "that variance falls as 1 / (1 + step)^decay"),
      integer("stop.patience", 0, 0, large,
              "validations without progress that end the run, with the best weights; 0: none do"),
      real("stop.min_delta", 0, 0, unbounded, "the least that counts as progress"),
      text("stop.metric", "loss", {"loss", "accuracy"}, "of the validation"),
      text("init.from", "", {},
           "a finished run, a checkpoint or a .safetensors file whose weights to start from"),
      texts("init.skip", "patterns of tensors that are not taken from there"),
  };
}

}  // namespace

Keys regularisation_keys() { return joined({plain_keys(), average_keys(), guard_keys()}); }

}  // namespace gradus::keys
