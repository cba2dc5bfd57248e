// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_key_makers.h"

namespace gradus::keys {

Keys loss_keys() {
  const std::string_view name = "loss.name";
  return joined({
      {text(name, "auto",
            {"auto", "cross_entropy", "binary_cross_entropy", "focal", "mse", "rmse", "l1", "huber",
             "smooth_l1"},
            "what training makes small; auto: cross_entropy of classes, binary_cross_entropy of "
            "data.task=binary and multilabel, mse of numbers; mse of classes: of their "
            "probabilities"),
       real("loss.label_smoothing", 0, 0, 1, "share of each target spread over all classes")},
      only(name, {"focal"},
           {real("loss.gamma", 2, 0, 100, "how little samples count that are nearly right"),
            real("loss.alpha", 1, above_zero, unbounded, "a factor of the whole loss")}),
      only(name, {"huber"},
           {real("loss.delta", 1, above_zero, unbounded,
                 "the error beyond which it grows in a straight line")}),
      only(name, {"smooth_l1"},
           {real("loss.beta", 1, 0, unbounded,
                 "the error beyond which it grows in a straight line")}),
  });
}

}  // namespace gradus::keys
