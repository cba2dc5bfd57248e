// SPDX-License-Identifier: Apache-2.0
// The state of simulated threads, warps and blocks.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "kernels/sim/access_log.h"
#include "kernels/sim/clock.h"
#include "kernels/sim/dim.h"
#include "kernels/sim/fiber.h"

namespace gradus::sim {

class Cluster;
struct Block;
struct Thread;
struct Warp;

// What a thread's past looked like when it released it: its clock, and the clocks of other clusters
// it had acquired. Shared between the threads that pick it up.
using Acquired = std::map<uint32_t, std::shared_ptr<const Clock>>;  // by cluster index
struct Snapshot {
  uint32_t cluster;
  std::shared_ptr<const Clock> clock;
  std::shared_ptr<const Acquired> acquired;
};

struct CpAsync {
  char* to;
  const char* from;
  uint32_t bytes, source_bytes;  // the rest is filled with zeros
  uint32_t group;
  uint32_t site;
  bool moved;
};

enum class ThreadState : uint8_t { ready, running, blocked, done };

struct Thread {
  Cluster* cluster;
  Block* block;
  Warp* warp;
  Dim3 index;
  uint32_t linear;  // in the block
  uint32_t order;   // in the cluster: the index of its clock entry
  uint32_t lane;
  ThreadState state;
  char* stack_low;
  FiberContext context;
  FiberStart start;

  const char* waiting_for;  // for the deadlock report
  uint32_t waiting_id;
  uint32_t waiting_site;

  uint32_t* clock;  // a row of the cluster's matrix

  std::vector<CpAsync> copies;  // issued and not waited for, oldest first
  uint32_t copy_group;          // the group that the next copies belong to

  std::shared_ptr<const Snapshot> released;                // by the last fence
  std::vector<std::shared_ptr<const Snapshot>> picked_up;  // by atomics since the last fence
  std::unordered_map<uint32_t, uint32_t> executions;       // of each access site, if counted

  uint32_t now() const { return clock[order]; }
  void tick() { ++clock[order]; }
};

// A warp-wide operation that some lanes have reached and others have not.
struct Collective {
  const char* name = nullptr;
  void (*finish)(Collective&) = nullptr;
  uint32_t mask = 0;
  uint32_t arrived = 0;
  uint32_t site = 0;
  std::array<void*, 32> operands{};  // on each lane's own stack
};

struct Warp {
  Block* block;
  uint32_t first;     // linear index of lane 0
  uint32_t existing;  // lanes that exist and have not exited
  std::array<Collective, 4> open;
  AccessLog log;
};

struct Barrier {
  uint32_t expected = 0, arrived = 0;
  Clock clock;
  std::vector<Thread*> waiting;
};

struct MBarrier {
  uint32_t count = 0;
  int64_t pending = 0;  // arrivals missing in this phase
  int64_t bytes = 0;    // expected and not yet landed
  uint32_t phase = 0;
  uint32_t initialiser = 0, initialised_at = 0;  // thread and clock
  Clock gathering, published;
  std::vector<Thread*> waiting;
};

struct Block {
  uint32_t rank;  // in the cluster
  Dim3 index;     // in the grid
  uint32_t threads;
  uint32_t exited;
  std::array<Barrier, 16> barriers;
  std::map<uint32_t, MBarrier> mbarriers;        // by offset in the window
  std::unordered_map<const void*, void*> slots;  // SHARED() variables by key
};

}  // namespace gradus::sim
