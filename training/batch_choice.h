// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "training/memory_plan.h"

namespace gradus {

// The recipe with another batch.
Recipe with_batch(const Recipe& recipe, int64_t batch);

struct BatchChoice {
  int64_t batch = 0;         // 0: not even `accumulate` samples fit
  int64_t bytes = 0;         // that it takes by plan_recipe
  bool all_samples = false;  // it is limited by the samples, not by memory
};

// The largest batch, a multiple of `accumulate` and at most the training samples, whose plan has at
// most `memory` bytes. What the recipe's own `batch` is does not matter. Planned sizes grow with
// the batch but for small differences in how buffers lie side by side, which this does not look
// for: the batch found fits, and the next larger one does not.
BatchChoice largest_batch(const Recipe& recipe, const LoadedData& data, int64_t memory);

// Nine tenths of available_memory(): the rest is left to the program itself, its threads and the
// system.
int64_t usable_memory();

// The recipe with a number where `batch` is a word: "full" the training samples, "auto"
// largest_batch by what memory the machine has. The number is rounded down to a multiple of
// `accumulate`. Loads the data for that. Throws out_of_memory where no batch fits.
Recipe with_known_batch(const Recipe& recipe);

}  // namespace gradus
