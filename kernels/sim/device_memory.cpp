// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/device_memory.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "kernels/sim/cluster.h"
#include "kernels/sim/operations.h"
#include "kernels/sim/options.h"

namespace gradus::sim {
namespace {

constexpr size_t granule = 1;  // bytes per shadow cell: neighbours may be bools
constexpr int poison = 0xff;

// Guards the cells of one 64-byte line while clusters run on several OS threads.
class LineLock {
 public:
  explicit LineLock(const void* address) : flag_(flags()[index(address)]) {
    if (options().os_threads < 2) return;
    while (flag_.test_and_set(std::memory_order_acquire)) {
    }
    held_ = true;
  }
  ~LineLock() {
    if (held_) flag_.clear(std::memory_order_release);
  }
  LineLock(const LineLock&) = delete;
  LineLock& operator=(const LineLock&) = delete;

 private:
  static constexpr size_t stripes = 256;
  static std::array<std::atomic_flag, stripes>& flags() {
    static std::array<std::atomic_flag, stripes> instance{};
    return instance;
  }
  static size_t index(const void* address) {
    return (reinterpret_cast<uintptr_t>(address) >> 6) % stripes;
  }
  std::atomic_flag& flag_;
  bool held_ = false;
};

bool acquired_covers(const Cluster& cluster, uint32_t other, uint16_t thread, uint32_t clock) {
  if (cluster.acquired() == nullptr) return false;
  const auto found = cluster.acquired()->find(other);
  return found != cluster.acquired()->end() && (*found->second)[thread] >= clock;
}

}  // namespace

DeviceMemory& DeviceMemory::instance() {
  static DeviceMemory memory;
  return memory;
}

DeviceMemory::DeviceMemory()
    : region_(device_memory_bytes, allocation_alignment),
      shadow_(device_memory_bytes / granule * sizeof(Cell)),
      chunk_sizes_(device_memory_bytes / allocation_alignment * sizeof(size_t)) {}

void* DeviceMemory::allocate(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const size_t padded =
      (bytes + allocation_alignment - 1) / allocation_alignment * allocation_alignment +
      allocation_alignment;  // a gap, so that one past the end is nobody's
  if (bytes == 0 || bytes > device_memory_bytes) return nullptr;
  // Next fit: freed addresses are reused as late as possible.
  size_t start = cursor_;
  for (int wrapped = 0; wrapped < 2; ++wrapped, start = 0) {
    auto next = allocations_.lower_bound(start);
    if (next != allocations_.begin()) {
      const auto before = std::prev(next);
      start = std::max(start, before->first + before->second);
    }
    while (next != allocations_.end() && start + padded > next->first) {
      start = next->first + next->second;
      ++next;
    }
    if (start + padded <= device_memory_bytes) break;
  }
  if (start + padded > device_memory_bytes) return nullptr;
  allocations_[start] = padded;
  allocated_ += padded;
  cursor_ = start + padded;
  auto* sizes = reinterpret_cast<size_t*>(chunk_sizes_.data());
  for (size_t at = 0; at < bytes; at += allocation_alignment)
    sizes[(start + at) / allocation_alignment] = bytes - at;
  shadow_.clear(start / granule * sizeof(Cell), padded / granule * sizeof(Cell));
  std::memset(region_.data() + start, poison, bytes);
  return region_.data() + start;
}

bool DeviceMemory::release(void* pointer) {
  const std::lock_guard lock(mutex_);
  if (!contains(pointer)) return false;
  const auto start = static_cast<size_t>(static_cast<char*>(pointer) - region_.data());
  const auto found = allocations_.find(start);
  if (found == allocations_.end()) return false;
  const size_t chunks = found->second / allocation_alignment;
  chunk_sizes_.clear(start / allocation_alignment * sizeof(size_t), chunks * sizeof(size_t));
  region_.clear(start, found->second);
  allocated_ -= found->second;
  allocations_.erase(found);
  return true;
}

size_t DeviceMemory::allocated_bytes() {
  const std::lock_guard lock(mutex_);
  return allocated_;
}

bool DeviceMemory::inside_allocation(const void* address, size_t bytes) const {
  const auto offset = static_cast<size_t>(static_cast<const char*>(address) - region_.data());
  const auto* sizes = reinterpret_cast<const size_t*>(chunk_sizes_.data());
  return offset < region_.size() &&
         sizes[offset / allocation_alignment] >= offset % allocation_alignment + bytes;
}

std::string DeviceMemory::where(const void* address) {
  const std::lock_guard lock(mutex_);
  const auto offset = static_cast<size_t>(static_cast<const char*>(address) - region_.data());
  auto next = allocations_.upper_bound(offset);
  if (next == allocations_.begin()) return "device memory that is not allocated";
  --next;
  if (offset >= next->first + next->second) return "device memory that is not allocated";
  const auto* sizes = reinterpret_cast<const size_t*>(chunk_sizes_.data());
  return fmt::format("byte {} of an allocation of {} bytes", offset - next->first,
                     sizes[next->first / allocation_alignment]);
}

DeviceMemory::Cell* DeviceMemory::cells_of(const void* address, size_t size, size_t& count) {
  const auto offset = static_cast<size_t>(static_cast<const char*>(address) - region_.data());
  const size_t first = offset / granule;
  count = (offset + size - 1) / granule - first + 1;
  return reinterpret_cast<Cell*>(shadow_.data()) + first;
}

DeviceMemory::Conflict DeviceMemory::touch(Cell& cell, Thread& thread, uint32_t site, Kind kind) {
  Cluster& cluster = *thread.cluster;
  const uint32_t operation = cluster.launch().operation;
  const auto ordered = [&](const Party& p) {
    if (p.operation == 0) return true;
    if (p.operation != operation) return cluster.comes_after(p.operation);
    if (p.cluster == cluster.index()) return p.clock <= thread.clock[p.thread];
    return acquired_covers(cluster, p.cluster, p.thread, p.clock);
  };
  if (kind != Kind::write && !cell.initialised) return {{}, "", true};
  const bool both_atomic = kind == Kind::atomic && cell.atomic_write;
  if (!both_atomic && !ordered(cell.writer)) return {cell.writer, "wrote"};
  if (kind != Kind::read && !ordered(cell.reader)) return {cell.reader, "read"};
  const Party self{operation, cluster.index(), thread.now(), site,
                   static_cast<uint16_t>(thread.order)};
  if (kind == Kind::read) {
    // One reader is kept: an unordered earlier one gives way half of the time, by the seed.
    if (ordered(cell.reader) || thread.cluster->random().coin()) cell.reader = self;
  } else {
    cell.writer = self;
    cell.reader = {};
    cell.initialised = true;
    cell.atomic_write = kind == Kind::atomic;
  }
  return {};
}

void DeviceMemory::access(Thread& thread, const void* address, uint32_t size, uint32_t site,
                          Kind kind) {
  static constexpr const char* actions[] = {"reads", "writes", "updates atomically"};
  const char* action = actions[static_cast<int>(kind)];
  Cluster& cluster = *thread.cluster;
  if (!inside_allocation(address, size))
    cluster.fail(Rule::bounds, fmt::format("{} {} {} bytes at {} [{}]", describe(thread), action,
                                           size, where(address), site_name(site)));
  size_t count = 0;
  Cell* cells = cells_of(address, size, count);
  for (size_t i = 0; i < count; ++i) {
    const auto* at = static_cast<const char*>(address) + i * granule;
    Conflict conflict;
    {
      const LineLock lock(at);
      conflict = touch(cells[i], thread, site, kind);
    }
    if (conflict.did == nullptr) continue;
    if (conflict.uninitialised)
      cluster.fail(Rule::uninitialised,
                   fmt::format("{} {} what nothing has written, {} [{}]", describe(thread), action,
                               where(at), site_name(site)));
    const std::string other =
        conflict.party.operation == cluster.launch().operation
            ? describe(cluster.launch(), conflict.party.cluster, conflict.party.thread)
            : operation_name(conflict.party.operation);
    cluster.fail(Rule::global_race,
                 fmt::format("{} {} what {} {} [{}], with no order between them, {} [{}]",
                             describe(thread), action, other, conflict.did,
                             site_name(conflict.party.site), where(at), site_name(site)));
  }
}

void DeviceMemory::read(Thread& thread, const void* address, uint32_t size, uint32_t site) {
  access(thread, address, size, site, Kind::read);
}

void DeviceMemory::write(Thread& thread, const void* address, uint32_t size, uint32_t site) {
  access(thread, address, size, site, Kind::write);
}

void DeviceMemory::atomic(Thread& thread, const void* address, uint32_t size, uint32_t site) {
  access(thread, address, size, site, Kind::atomic);
}

bool DeviceMemory::operation_access(uint32_t operation, const void* address, size_t bytes,
                                    Kind kind) {
  if (bytes == 0) return true;
  const char* action = kind == Kind::read ? "reads" : "writes";
  if (!inside_allocation(address, bytes)) {
    add_report({Rule::bounds, fmt::format("{} {} {} bytes at {}", operation_name(operation), action,
                                          bytes, where(address))});
    return false;
  }
  size_t count = 0;
  Cell* cells = cells_of(address, bytes, count);
  for (size_t i = 0; i < count; ++i) {
    Cell& cell = cells[i];
    for (const Party* before : {&cell.writer, &cell.reader}) {
      if (kind == Kind::read && before == &cell.reader) continue;
      if (before->operation == 0 || operation_before(before->operation, operation)) continue;
      add_report({Rule::global_race,
                  fmt::format("{} {} what {} {}, with no order between them, {}",
                              operation_name(operation), action, operation_name(before->operation),
                              before == &cell.writer ? "wrote" : "read",
                              where(static_cast<const char*>(address) + i * granule))});
      return false;
    }
    const Party self{operation, 0, 0, 1, 0};
    if (kind == Kind::read) {
      cell.reader = self;
    } else {
      cell = {self, {}, true, false};
    }
  }
  return true;
}

bool DeviceMemory::operation_reads(uint32_t operation, const void* address, size_t bytes) {
  return operation_access(operation, address, bytes, Kind::read);
}

bool DeviceMemory::operation_writes(uint32_t operation, const void* address, size_t bytes) {
  return operation_access(operation, address, bytes, Kind::write);
}

}  // namespace gradus::sim
