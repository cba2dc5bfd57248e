// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "training/memory_plan.h"

namespace gradus {

// What a machine does at most, and what a step takes at least by that: each node as long as its
// flops or its bytes need, whichever is longer.
struct StepEstimate {
  double flops_per_second = 0;  // of large matrix products
  double bytes_per_second = 0;  // copied in memory, read and written
  double seconds = 0;           // of an optimizer step
};

// Measures this machine for about half a second, with the threads in use.
StepEstimate estimate_step(const RecipePlan& plan);

}  // namespace gradus
