// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "training/recipe.h"

namespace gradus {

// How the learning rate moves: it rises in a straight line over `warmup` steps, then stays
// (constant) or falls to final * lr along half a cosine (Loshchilov and Hutter 2017).
struct Schedule {
  enum class Form { constant, cosine };

  Form form = Form::constant;
  double lr = 0;
  int64_t warmup = 0;
  double final = 0;
  int64_t steps = 1;  // of the whole run

  // Of step 1 .. steps.
  double at(int64_t step) const;
};

Schedule make_schedule(const Recipe& recipe, int64_t steps);

}  // namespace gradus
