// SPDX-License-Identifier: Apache-2.0
// What an Executable of a graph takes, known without making one.
#pragma once

#include <memory>
#include <vector>

#include "engine/exec/kernel_call.h"
#include "engine/plan/plan.h"

namespace gradus {

// The kernel call of each node; null for views and nodes that do not run. Throws unsupported for
// control flow, which is run stepwise.
std::vector<std::unique_ptr<KernelCall>> kernel_calls(const Graph& graph, Device& device);

// The plan of a graph whose nodes run by these calls.
Plan make_plan(const Graph& graph, std::span<const std::unique_ptr<KernelCall>> calls);

// Bytes that an Executable hands out beside arena and states.
struct ProgramMemory {
  int64_t constants = 0;  // the graph's, and their copies where the device is not the host
  int64_t random = 0;     // the random state
};
ProgramMemory program_memory(const Graph& graph, const Device& device);

}  // namespace gradus
