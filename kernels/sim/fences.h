// SPDX-License-Identifier: Apache-2.0
// Order between threads through memory: fences and atomics. A fence snapshots what its thread has
// done; an atomic leaves the snapshot at its address and picks up what others left there; the next
// fence turns what was picked up into something the thread's cluster has acquired.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "kernels/sim/thread.h"

namespace gradus::sim {

void fence(Thread& thread);

// The snapshots that lie at each address.
class SnapshotTable {
 public:
  void clear() { left_.clear(); }
  void exchange(Thread& thread, const void* address);

 private:
  std::unordered_map<const void*, std::vector<std::shared_ptr<const Snapshot>>> left_;
};

// The table for device memory; emptied at each launch.
void clear_device_snapshots();

}  // namespace gradus::sim
