// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/fences.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "kernels/sim/access.h"
#include "kernels/sim/cluster.h"
#include "kernels/sim/device.h"
#include "kernels/sim/device_memory.h"
#include "kernels/sim/sites.h"

namespace gradus::sim {
namespace {

struct DeviceSnapshots {
  std::mutex mutex;  // also makes atomics on device memory atomic
  SnapshotTable table;
};

DeviceSnapshots& device_snapshots() {
  static DeviceSnapshots instance;
  return instance;
}

void acquire(Acquired& acquired, uint32_t cluster, const std::shared_ptr<const Clock>& clock) {
  auto& known = acquired[cluster];
  if (known == nullptr) {
    known = clock;
    return;
  }
  auto both = std::make_shared<Clock>(*known);
  join(both->data(), clock->data(), both->size());
  known = std::move(both);
}

void acquire_all(Thread& thread) {
  Cluster& cluster = *thread.cluster;
  auto acquired = std::make_shared<Acquired>();
  if (cluster.acquired() != nullptr) *acquired = *cluster.acquired();
  for (const auto& snapshot : thread.picked_up) {
    if (snapshot->cluster == cluster.index()) {
      join(thread.clock, snapshot->clock->data(), cluster.clock_length());
    } else {
      acquire(*acquired, snapshot->cluster, snapshot->clock);
    }
    if (snapshot->acquired == nullptr) continue;
    for (const auto& [other, clock] : *snapshot->acquired)
      if (other != cluster.index()) acquire(*acquired, other, clock);
  }
  thread.picked_up.clear();
  cluster.set_acquired(std::move(acquired));
}

}  // namespace

void fence(Thread& thread) {
  if (!thread.picked_up.empty()) acquire_all(thread);
  const Cluster& cluster = *thread.cluster;
  auto clock = std::make_shared<Clock>(thread.clock, thread.clock + cluster.clock_length());
  thread.released = std::make_shared<Snapshot>(
      Snapshot{cluster.index(), std::move(clock), thread.cluster->acquired()});
  thread.tick();
}

void SnapshotTable::exchange(Thread& thread, const void* address) {
  if (thread.released == nullptr && left_.empty()) return;
  auto& here = left_[address];
  for (const auto& snapshot : here)
    if (snapshot != thread.released) thread.picked_up.push_back(snapshot);
  if (thread.released != nullptr &&
      std::find(here.begin(), here.end(), thread.released) == here.end())
    here.push_back(thread.released);
}

void clear_device_snapshots() { device_snapshots().table.clear(); }

namespace {

// Applies `next` to *address as one atomic step; returns the old value.
template <class T, class F>
T update(const Entry& entry, T* address, F&& next) {
  Thread& thread = entry.thread;
  Cluster& cluster = *thread.cluster;
  check_access(thread, address, sizeof(T), Access::atomic, entry.site);
  const auto apply = [&](SnapshotTable& table) {
    table.exchange(thread, address);
    const T old = *address;
    *address = next(old);
    return old;
  };
  if (cluster.shared().contains(address)) return apply(cluster.shared_snapshots());
  const std::lock_guard lock(device_snapshots().mutex);
  return apply(device_snapshots().table);
}

}  // namespace
}  // namespace gradus::sim

using gradus::sim::Entry;

#define GRADUS_SIM_ATOMIC(T, name, expression)                                              \
  __attribute__((noinline)) T name(T* address, T value) {                                   \
    const Entry entry(__builtin_return_address(0));                                         \
    return gradus::sim::update(entry, address, [value](T old) -> T { return expression; }); \
  }

GRADUS_SIM_ATOMIC(int, atomicAdd, old + value)
GRADUS_SIM_ATOMIC(unsigned, atomicAdd, old + value)
GRADUS_SIM_ATOMIC(unsigned long long, atomicAdd, old + value)
GRADUS_SIM_ATOMIC(float, atomicAdd, old + value)
GRADUS_SIM_ATOMIC(double, atomicAdd, old + value)
GRADUS_SIM_ATOMIC(int, atomicMax, old > value ? old : value)
GRADUS_SIM_ATOMIC(unsigned, atomicMax, old > value ? old : value)
GRADUS_SIM_ATOMIC(int, atomicMin, old < value ? old : value)
GRADUS_SIM_ATOMIC(unsigned, atomicMin, old < value ? old : value)
GRADUS_SIM_ATOMIC(unsigned, atomicOr, old | value)
GRADUS_SIM_ATOMIC(unsigned, atomicAnd, old& value)
GRADUS_SIM_ATOMIC(unsigned, atomicInc, old >= value ? 0 : old + 1)
GRADUS_SIM_ATOMIC(int, atomicExch, ((void)old, value))
GRADUS_SIM_ATOMIC(unsigned, atomicExch, ((void)old, value))
GRADUS_SIM_ATOMIC(float, atomicExch, ((void)old, value))
#undef GRADUS_SIM_ATOMIC

__attribute__((noinline)) unsigned atomicCAS(unsigned* address, unsigned expected, unsigned value) {
  const Entry entry(__builtin_return_address(0));
  return gradus::sim::update(entry, address,
                             [=](unsigned old) { return old == expected ? value : old; });
}

__attribute__((noinline)) void __threadfence() {
  const Entry entry(__builtin_return_address(0));
  if (gradus::sim::dropped(entry, "__threadfence")) return;
  gradus::sim::fence(entry.thread);
}
