// SPDX-License-Identifier: Apache-2.0
// mbarriers: 8 bytes of shared memory that count arrivals and the bytes of asynchronous copies. The
// state lies in a table of the block; plain accesses to the bytes are errors.
#include <fmt/format.h>

#include "kernels/sim/cluster.h"
#include "kernels/sim/device.h"
#include "kernels/sim/sites.h"

namespace gradus::sim {
namespace {

struct Located {
  Block& block;
  uint32_t offset;  // in the block's window
};

[[noreturn]] void complain(const Entry& entry, uint32_t offset, const std::string& what) {
  entry.thread.cluster->fail(
      Rule::mbarrier, fmt::format("{}: mbarrier at shared offset {} {} [{}]",
                                  describe(entry.thread), offset, what, site_name(entry.site)));
}

Located locate(const Entry& entry, const uint64_t* barrier) {
  Cluster& cluster = *entry.thread.cluster;
  SharedMemory& shared = cluster.shared();
  if (!shared.contains(barrier) || reinterpret_cast<uintptr_t>(barrier) % 8 != 0)
    complain(entry, 0, "expected as 8 aligned bytes of shared memory");
  const uint32_t offset = shared.offset_of(barrier);
  shared.check_bounds(entry.thread, offset, 8, entry.site);
  return {cluster.block(offset / window_bytes), offset % window_bytes};
}

MBarrier& find(const Entry& entry, const Located& at) {
  const auto found = at.block.mbarriers.find(at.offset);
  if (found == at.block.mbarriers.end()) complain(entry, at.offset, "is not initialised");
  return found->second;
}

// Whoever uses the barrier must have its initialisation in its past.
MBarrier& find_ordered(const Entry& entry, const uint64_t* barrier) {
  const Located at = locate(entry, barrier);
  MBarrier& bar = find(entry, at);
  if (entry.thread.clock[bar.initialiser] < bar.initialised_at)
    complain(entry, at.offset, "is used with no order after its initialisation");
  return bar;
}

void end_phase_if_done(Cluster& cluster, MBarrier& bar) {
  if (bar.pending != 0 || bar.bytes != 0) return;
  bar.published = bar.gathering;
  ++bar.phase;
  bar.pending = bar.count;
  for (Thread* waiter : bar.waiting) {
    join(waiter->clock, bar.published.data(), cluster.clock_length());
    cluster.wake(*waiter);
  }
  bar.waiting.clear();
}

void arrive(const Entry& entry, const uint64_t* barrier, uint32_t bytes) {
  Cluster& cluster = *entry.thread.cluster;
  MBarrier& bar = find_ordered(entry, barrier);
  join(bar.gathering.data(), entry.thread.clock, cluster.clock_length());
  entry.thread.tick();
  bar.bytes += bytes;
  if (--bar.pending < 0)
    complain(entry, cluster.shared().offset_of(barrier) % window_bytes,
             fmt::format("has more than its {} arrivals", bar.count));
  end_phase_if_done(cluster, bar);
}

}  // namespace

__attribute__((noinline)) void mbarrier_init(uint64_t* barrier, uint32_t count) {
  const Entry entry(__builtin_return_address(0));
  Cluster& cluster = *entry.thread.cluster;
  const Located at = locate(entry, barrier);
  if (count == 0 || count > (1u << 20) - 1)
    complain(entry, at.offset, fmt::format("initialised with a count of {}", count));
  if (at.block.mbarriers.count(at.offset) != 0) complain(entry, at.offset, "is initialised twice");
  if (cluster.checks())
    cluster.shared().mark_mbarrier(entry.thread, cluster.shared().offset_of(barrier), true,
                                   entry.site);
  MBarrier& bar = at.block.mbarriers[at.offset];
  bar.count = count;
  bar.pending = count;
  bar.gathering.assign(cluster.clock_length(), 0);
  bar.published = bar.gathering;
  bar.initialiser = entry.thread.order;
  bar.initialised_at = entry.thread.now();
}

__attribute__((noinline)) void mbarrier_invalidate(uint64_t* barrier) {
  const Entry entry(__builtin_return_address(0));
  Cluster& cluster = *entry.thread.cluster;
  const Located at = locate(entry, barrier);
  if (!find(entry, at).waiting.empty()) complain(entry, at.offset, "is invalidated under waiters");
  at.block.mbarriers.erase(at.offset);
  if (cluster.checks())
    cluster.shared().mark_mbarrier(entry.thread, cluster.shared().offset_of(barrier), false,
                                   entry.site);
}

__attribute__((noinline)) void mbarrier_arrive(uint64_t* barrier) {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "mbarrier_arrive")) return;
  arrive(entry, barrier, 0);
}

__attribute__((noinline)) void mbarrier_arrive_expect(uint64_t* barrier, uint32_t bytes) {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "mbarrier_arrive_expect")) return;
  arrive(entry, barrier, bytes);
}

__attribute__((noinline)) void mbarrier_wait(uint64_t* barrier, uint32_t parity) {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "mbarrier_wait")) return;
  Cluster& cluster = *entry.thread.cluster;
  MBarrier& bar = find_ordered(entry, barrier);
  const uint32_t offset = cluster.shared().offset_of(barrier);
  if (offset / window_bytes != entry.thread.block->rank)
    complain(entry, offset % window_bytes, "belongs to a peer block, which cannot be waited on");
  if ((bar.phase & 1u) != parity) {
    join(entry.thread.clock, bar.published.data(), cluster.clock_length());
    return;
  }
  bar.waiting.push_back(&entry.thread);
  cluster.block_thread(entry.thread, "mbarrier", offset % window_bytes, entry.site);
}

}  // namespace gradus::sim
