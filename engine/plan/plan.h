// SPDX-License-Identifier: Apache-2.0
// Decides, before anything runs, in which order nodes run and where every value lives. Pure host
// code: no device, no memory.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace gradus {

enum class Storage : uint8_t {
  arena,     // at an offset in the device's arena
  state,     // in the memory of a state
  constant,  // in the memory of a constant node
};

// Where one value lives.
struct Placement {
  Storage storage = Storage::arena;
  int node = -1;       // of the state or constant
  int64_t offset = 0;  // in the arena, bytes
};

// Memory that several values may share one after the other: a value, and those that overwrite it in
// place or view it.
struct PlannedBuffer {
  ValueRef first_value;  // node < 0: the workspace of the step `begin`
  int64_t bytes = 0;
  int64_t offset = 0;
  int begin = 0, end = 0;  // first and last step that need it, inclusive
};

// A state whose next version was computed elsewhere and is copied in after the last step.
struct StateCopy {
  std::string state;
  ValueRef source;
};

struct Plan {
  std::vector<int> order;                    // op nodes in the order they run; position = step
  std::map<ValueRef, Placement> placements;  // of every value that is read, an output or an update
  std::vector<int64_t> workspace_offsets;    // per step
  std::vector<PlannedBuffer> buffers;        // in the arena, workspaces included
  // Values that are copied to these arena offsets after the last step and read from there by copies
  // and outputs: their own memory is a state's, which a copy may change.
  std::map<ValueRef, int64_t> staged;
  std::vector<StateCopy> copies;  // run after the staging
  int64_t arena_bytes = 0;
  int64_t lower_bound_bytes =
      0;                    // most bytes alive at one step: no plan with this order can be smaller
  int64_t total_bytes = 0;  // if every buffer had its own memory
};

// Offsets are multiples of this.
inline constexpr int64_t plan_alignment = 256;

// `workspace_bytes` by node index (0 for nodes that need none). Nodes that no output or update
// needs are left out.
Plan make_plan(const Graph& graph, std::span<const int64_t> workspace_bytes);

// An output that is written straight into the memory of a state (a node index).
struct StateWrite {
  int output;
  int state;
};

// The execution order: a node runs as soon as it frees at least what it allocates, else in graph
// order; a node that overwrites a state
// (`writes`, by node) waits for the other readers of the old version.
std::vector<int> schedule(const Graph& graph, const std::vector<bool>& needed,
                          const std::vector<std::vector<StateWrite>>& writes);

// Assigns offsets so that no two buffers alive at one step overlap; returns the arena's size.
int64_t assign_offsets(std::vector<PlannedBuffer>& buffers);

// The buffers (indices) alive at the first step that has the most bytes alive, lower_bound_bytes.
std::vector<size_t> buffers_at_peak(const Plan& plan);

// One row per buffer, largest first, then the totals: "sum X MiB -> arena Y MiB (Z buffers)".
std::string to_table(const Plan& plan, const Graph& graph);

}  // namespace gradus
