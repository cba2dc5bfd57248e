// SPDX-License-Identifier: Apache-2.0
// One kernel launch, and how it is carried out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/sim/access_log.h"
#include "kernels/sim/dim.h"

namespace gradus::sim {

struct LaunchRecord {
  Dim3 grid, block, cluster;
  uint32_t shared_bytes = 0;     // dynamic
  const void* kernel = nullptr;  // the function, for its name
  void (*invoke)(const void* parameters) = nullptr;
  std::shared_ptr<const void> parameters;  // which the kernel may read, as constant memory
  size_t parameter_bytes = 0;
  bool hooked = false;     // compiled with access hooks
  uint32_t operation = 0;  // its number among all device work; set when it is queued
};

// Runs all blocks. Returns false where reports were added.
bool run_launch(const LaunchRecord& launch);

// Counters of the latest launches since the last call, oldest first.
std::vector<Counters> take_counters();

}  // namespace gradus::sim
