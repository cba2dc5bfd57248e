// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "training/data_factory.h"
#include "training/recipe.h"

namespace gradus {

struct BatchSpeed {
  int64_t batch = 0;
  double seconds = 0;  // the median of its optimizer steps
  double samples_per_second() const { return static_cast<double>(batch) / seconds; }
};

// Trains a new model with this batch for about `seconds`, after two steps to warm up.
BatchSpeed measure_batch(const Recipe& recipe, const TrainingData& data, int64_t batch,
                         double seconds);

// The smallest batch within 3 % of the most samples a second: a smaller one learns more from the
// same samples. 0 of none.
int64_t fastest_batch(const std::vector<BatchSpeed>& speeds);

// Whether the last two, of rising batches, are slower than 90 % of the best: larger ones will not
// be faster.
bool is_past_best(const std::vector<BatchSpeed>& speeds);

}  // namespace gradus
