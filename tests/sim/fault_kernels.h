// SPDX-License-Identifier: Apache-2.0
// Small kernels, each right in one form and wrong in the other, and what must be said of the wrong
// one.
#pragma once

#include <span>
#include <vector>

#include "kernels/sim/report.h"

namespace gradus::sim_test {

// What the kernels get: device memory of exactly these sizes, and a pointer into host memory.
struct FaultMemory {
  static constexpr int count = 1000;
  float* values;     // count, zeroed
  float* unwritten;  // count, written by nobody
  int* counter;      // 1, zeroed
  const float* host;
};

struct FaultKernel {
  const char* name;
  std::vector<sim::Rule> rules;  // any of these
  void (*launch)(const FaultMemory& memory, bool broken);
};

std::span<const FaultKernel> fault_kernels();

}  // namespace gradus::sim_test
