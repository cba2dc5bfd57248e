// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "training/recipe.h"

namespace gradus {

struct LoaderRates {
  double loader = 0;  // optimizer steps a second, medians over the windows
  double memory = 0;
  double ratio = 0;  // median over pairs of windows that follow each other
  int64_t workers = 0;
};

// Trains by a recipe in windows of `seconds` in turn: with batches from its loader (data.workers,
// at least one), and with the same kind of batches filled before and kept in memory. Both run the
// same program. What the ratio lacks to 1 is what loading costs. `accumulate` is taken as 1.
LoaderRates measure_loader(const Recipe& recipe, int64_t windows, double seconds);

}  // namespace gradus
