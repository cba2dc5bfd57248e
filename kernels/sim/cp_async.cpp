// SPDX-License-Identifier: Apache-2.0
// cp.async: copies from device to shared memory that a thread issues, groups and waits for.
#include <cstring>

#include <fmt/format.h>

#include "kernels/sim/access.h"
#include "kernels/sim/cluster.h"
#include "kernels/sim/device.h"
#include "kernels/sim/device_memory.h"
#include "kernels/sim/options.h"
#include "kernels/sim/sites.h"

namespace gradus::sim {
namespace {

void move(Thread& thread, CpAsync& copy) {
  if (copy.moved) return;
  if (copy.source_bytes > 0)
    check_access(thread, copy.from, copy.source_bytes, Access::read, copy.site);
  std::memcpy(copy.to, copy.from, copy.source_bytes);
  std::memset(copy.to + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
  copy.moved = true;
}

// Ends all copies of groups before `group`.
void retire(Thread& thread, uint32_t group) {
  Cluster& cluster = *thread.cluster;
  size_t count = 0;
  for (CpAsync& copy : thread.copies) {
    if (copy.group >= group) break;
    move(thread, copy);
    if (cluster.checks())
      cluster.shared().finish_async_write(thread, cluster.shared().offset_of(copy.to), copy.bytes,
                                          copy.site);
    ++count;
  }
  thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<long>(count));
}

void check_copy(const Entry& entry, const CpAsync& copy) {
  Cluster& cluster = *entry.thread.cluster;
  const auto complain = [&](Rule rule, const std::string& what) {
    cluster.fail(rule, fmt::format("{} in cp.async: {} [{}]", describe(entry.thread), what,
                                   site_name(entry.site)));
  };
  const uint32_t n = copy.bytes;
  if ((n != 4 && n != 8 && n != 16) || copy.source_bytes > n)
    complain(Rule::launch, fmt::format("{} of {} bytes", copy.source_bytes, n));
  if (!cluster.shared().contains(copy.to))
    complain(Rule::bounds, "the destination is not in shared memory");
  if (reinterpret_cast<uintptr_t>(copy.to) % n != 0 ||
      reinterpret_cast<uintptr_t>(copy.from) % n != 0)
    complain(Rule::alignment,
             fmt::format("{} bytes from {} to {}", n, static_cast<const void*>(copy.from),
                         static_cast<void*>(copy.to)));
  DeviceMemory& memory = DeviceMemory::instance();
  if (copy.source_bytes == 0) return;
  if (!memory.contains(copy.from))
    complain(Rule::host_pointer, "the source is not in device memory");
  if (!memory.inside_allocation(copy.from, copy.source_bytes))
    complain(Rule::bounds,
             fmt::format("{} bytes at {}", copy.source_bytes, memory.where(copy.from)));
}

}  // namespace

__attribute__((noinline)) void cp_async(void* shared, const void* global, uint32_t bytes,
                                        uint32_t source_bytes) {
  const Entry entry(__builtin_return_address(0));
  Thread& thread = entry.thread;
  Cluster& cluster = *thread.cluster;
  const CpAsync copy{static_cast<char*>(shared),
                     static_cast<const char*>(global),
                     bytes,
                     source_bytes,
                     thread.copy_group,
                     entry.site,
                     false};
  check_copy(entry, copy);
  const uint32_t offset = cluster.shared().offset_of(shared);
  if (cluster.checks()) {
    cluster.shared().begin_async_write(thread, offset, bytes, entry.site);
  } else {
    cluster.shared().check_bounds(thread, offset, bytes, entry.site);
  }
  if (options().count_accesses)
    thread.warp->log.note(entry.site, thread.executions[entry.site]++, thread.lane, true, offset,
                          bytes);
  cluster.counters().cp_async_bytes += bytes;
  thread.copies.push_back(copy);
  if (cluster.complete_now()) move(thread, thread.copies.back());
}

__attribute__((noinline)) void cp_async_commit() {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "cp_async_commit")) return;
  ++entry.thread.copy_group;
}

__attribute__((noinline)) void cp_async_wait(uint32_t groups_left) {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "cp_async_wait")) return;
  if (entry.thread.copy_group > groups_left)
    retire(entry.thread, entry.thread.copy_group - groups_left);
}

__attribute__((noinline)) void cp_async_wait_all() {
  const Entry entry(__builtin_return_address(0));
  if (dropped(entry, "cp_async_wait_all")) return;
  ++entry.thread.copy_group;
  retire(entry.thread, entry.thread.copy_group);
}

}  // namespace gradus::sim
