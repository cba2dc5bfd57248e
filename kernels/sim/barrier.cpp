// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/barrier.h"

#include <fmt/format.h>

#include "kernels/sim/cluster.h"
#include "kernels/sim/device.h"
#include "kernels/sim/sites.h"

namespace gradus::sim {
namespace {

void complete(Cluster& cluster, Barrier& barrier) {
  for (Thread* waiter : barrier.waiting) {
    join(waiter->clock, barrier.clock.data(), cluster.clock_length());
    cluster.wake(*waiter);
  }
  barrier.waiting.clear();
  barrier.arrived = 0;
  std::fill(barrier.clock.begin(), barrier.clock.end(), 0);
  ++cluster.counters().barriers;
}

// Whether fewer threads are left to come than the barrier still waits for.
bool hopeless(const Block& block, const Barrier& barrier, uint32_t count) {
  const auto waiting = static_cast<uint32_t>(barrier.waiting.size());
  return count - barrier.arrived > block.threads - block.exited - waiting;
}

void check_arrival(Thread& thread, const Barrier& barrier, uint32_t id, uint32_t count,
                   uint32_t site) {
  Cluster& cluster = *thread.cluster;
  const auto complain = [&](const std::string& what) {
    cluster.fail(Rule::barrier, fmt::format("{} at barrier {} {} [{}]", describe(thread), id, what,
                                            site_name(site)));
  };
  if (id >= named_barriers) complain("which does not exist");
  if (count == 0 || count > thread.block->threads)
    complain(fmt::format("with a count of {}", count));
  if (id != 0 && count % 32 != 0)
    complain(fmt::format("with count {}, not a multiple of 32", count));
  if (barrier.arrived > 0 && barrier.expected != count)
    complain(fmt::format("with count {}, others came with {}", count, barrier.expected));
  if (hopeless(*thread.block, barrier, count))
    complain(fmt::format("waits for {} threads, {} of the block have exited", count,
                         thread.block->exited));
}

}  // namespace

void arrive_at_barrier(Thread& thread, uint32_t id, uint32_t count, bool wait, uint32_t site) {
  Cluster& cluster = *thread.cluster;
  Barrier& barrier = thread.block->barriers[id < named_barriers ? id : 0];
  check_arrival(thread, barrier, id, count, site);
  if (barrier.clock.empty()) barrier.clock.assign(cluster.clock_length(), 0);
  barrier.expected = count;
  join(barrier.clock.data(), thread.clock, cluster.clock_length());
  thread.tick();
  if (wait) barrier.waiting.push_back(&thread);
  if (++barrier.arrived < count) {
    if (wait) cluster.block_thread(thread, "barrier", id, site);
    return;
  }
  if (wait) barrier.waiting.pop_back();  // the last one goes on
  if (wait) join(thread.clock, barrier.clock.data(), cluster.clock_length());
  complete(cluster, barrier);
}

void leave_barriers(Thread& thread) {
  Block& block = *thread.block;
  ++block.exited;
  for (uint32_t id = 0; id < named_barriers; ++id) {
    const Barrier& barrier = block.barriers[id];
    if (barrier.arrived > 0 && hopeless(block, barrier, barrier.expected))
      thread.cluster->fail(
          Rule::barrier,
          fmt::format("{} exits while {} threads wait at barrier {} for {} threads",
                      describe(thread), barrier.waiting.size(), id, barrier.expected));
  }
}

}  // namespace gradus::sim

using gradus::sim::Entry;

__attribute__((noinline)) void __syncthreads() {
  const Entry entry(__builtin_return_address(0));
  if (gradus::sim::dropped(entry, "__syncthreads")) return;
  arrive_at_barrier(entry.thread, 0, entry.thread.block->threads, true, entry.site);
}

namespace gradus::sim {

__attribute__((noinline)) void named_barrier_sync(uint32_t id, uint32_t threads) {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "named_barrier_sync")) return;
  arrive_at_barrier(entry.thread, id, threads, true, entry.site);
}

__attribute__((noinline)) void named_barrier_arrive(uint32_t id, uint32_t threads) {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "named_barrier_arrive")) return;
  arrive_at_barrier(entry.thread, id, threads, false, entry.site);
}

}  // namespace gradus::sim
