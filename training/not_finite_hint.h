// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace gradus {

// What may have made a loss or gradient NaN or infinite, likeliest first, and what helps. Before
// the first update no learning rate can have.
constexpr std::string_view not_finite_hint(bool updated) {
  return updated
             ? "a lower lr, warm-up (schedule.warmup) or clip may help; if not, data or weights "
               "of classes too large for f32 (`gradus data verify RECIPE` finds values that "
               "are); --stepwise names where it begins"
             : "no update was made before, so that not lr but values are too large for f32: of "
               "the data (`gradus data verify RECIPE` finds them), weights of classes or first "
               "weights; --stepwise names where it begins";
}

}  // namespace gradus
