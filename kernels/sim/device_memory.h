// SPDX-License-Identifier: Apache-2.0
// Device memory: one reserved region of address space, so that any other pointer in a kernel is
// known to be wrong; its allocations; and its shadow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "kernels/sim/mapping.h"
#include "kernels/sim/thread.h"

namespace gradus::sim {

inline constexpr size_t device_memory_bytes = size_t{8} << 30;
inline constexpr size_t allocation_alignment = 256;

class DeviceMemory {
 public:
  static DeviceMemory& instance();

  // 256-byte aligned, filled with 0xFF; null where no room is left.
  void* allocate(size_t bytes);
  // False where `pointer` is not the start of an allocation.
  bool release(void* pointer);
  size_t allocated_bytes();

  bool contains(const void* address) const {
    return static_cast<size_t>(static_cast<const char*>(address) - region_.data()) < region_.size();
  }
  // Whether the bytes lie inside one allocation.
  bool inside_allocation(const void* address, size_t bytes) const;
  // "byte 4096 of an allocation of 4096 bytes" or the like, for reports.
  std::string where(const void* address);

  // Accesses by kernels. Each reports what is wrong and never returns then.
  void read(Thread& thread, const void* address, uint32_t size, uint32_t site);
  void write(Thread& thread, const void* address, uint32_t size, uint32_t site);
  void atomic(Thread& thread, const void* address, uint32_t size, uint32_t site);

  // Accesses by copies and fills, as device operation number `operation`. Returns false after
  // reporting a race with another operation.
  bool operation_reads(uint32_t operation, const void* address, size_t bytes);
  bool operation_writes(uint32_t operation, const void* address, size_t bytes);

 private:
  struct Party {  // who touched a cell last: which operation; which thread of which cluster, when
    uint32_t operation, cluster, clock, site;
    uint16_t thread;
  };
  struct Cell {
    Party writer, reader;
    bool initialised, atomic_write;
  };

  struct Conflict {  // the earlier access that is not ordered before this one
    Party party;
    const char* did = nullptr;  // null: no conflict
    bool uninitialised = false;
  };
  enum class Kind { read, write, atomic };

  DeviceMemory();
  void access(Thread& thread, const void* address, uint32_t size, uint32_t site, Kind kind);
  static Conflict touch(Cell& cell, Thread& thread, uint32_t site, Kind kind);
  bool operation_access(uint32_t operation, const void* address, size_t bytes, Kind kind);
  Cell* cells_of(const void* address, size_t size, size_t& count);

  Mapping region_;
  Mapping shadow_;
  Mapping chunk_sizes_;  // for each 256-byte chunk, bytes from its start to its allocation's end
  std::mutex mutex_;
  std::map<size_t, size_t> allocations_;  // offset -> bytes
  size_t allocated_ = 0;
  size_t cursor_ = 0;
};

}  // namespace gradus::sim
