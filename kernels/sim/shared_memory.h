// SPDX-License-Identifier: Apache-2.0
// The shared memory of the blocks of one cluster, and its shadow: who wrote and read each cell
// last, whether it holds a value, and which asynchronous operations are using it.
//
// Each block owns a window of one arena, aligned to its size: an address gives rank and offset, and
// the offset is what swizzles and descriptors see, as on hardware. A peer's shared memory is an
// ordinary pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/sim/mapping.h"
#include "kernels/sim/random.h"

namespace gradus::sim {

struct Thread;

inline constexpr uint32_t window_bytes = 256 * 1024;
inline constexpr uint32_t max_ranks = 16;
inline constexpr uint32_t max_shared_bytes = 227 * 1024;        // what one block may use
inline constexpr uint32_t max_static_shared_bytes = 48 * 1024;  // of it, by SHARED()

class SharedMemory {
 public:
  SharedMemory();

  // Starts a block in window `rank` with `dynamic_bytes` of poisoned memory.
  void open_window(uint32_t rank, uint32_t dynamic_bytes);
  // Adds `bytes` of static memory; returns its address, or null where it does not fit.
  void* grow_window(uint32_t rank, uint32_t bytes, uint32_t alignment);

  char* window(uint32_t rank) const { return arena_.data() + size_t{rank} * window_bytes; }
  uint32_t used(uint32_t rank) const { return used_[rank]; }
  bool contains(const void* address) const {
    return static_cast<size_t>(static_cast<const char*>(address) - arena_.data()) < arena_.size();
  }
  // Offset in the arena; rank = offset / window_bytes.
  uint32_t offset_of(const void* address) const {
    return static_cast<uint32_t>(static_cast<const char*>(address) - arena_.data());
  }

  // Each reports what is wrong with an access by `thread` and never returns then.
  void check_bounds(Thread& thread, uint32_t offset, uint32_t size, uint32_t site);
  void read(Thread& thread, uint32_t offset, uint32_t size, uint32_t site);
  void write(Thread& thread, uint32_t offset, uint32_t size, uint32_t site);
  void atomic(Thread& thread, uint32_t offset, uint32_t size, uint32_t site);

  // Marks bytes that an asynchronous operation issued by `thread` will write: until
  // finish_async_write nobody may touch them.
  void begin_async_write(Thread& thread, uint32_t offset, uint32_t size, uint32_t site);
  void finish_async_write(Thread& thread, uint32_t offset, uint32_t size, uint32_t site);

  // Marks the 8 bytes of an mbarrier: plain accesses to them are errors.
  void mark_mbarrier(Thread& thread, uint32_t offset, bool on, uint32_t site);

 private:
  struct Cell {
    uint32_t write_clock, write_site;
    uint32_t read_clock[2], read_site[2];  // the latest reader and a random other one
    uint16_t write_thread, read_thread[2];
    uint8_t flags;
    uint8_t async_writes;
  };
  enum Flag : uint8_t { initialised = 1, atomic_write = 2, mbarrier_bytes = 4 };

  void check_usable(Thread& thread, const Cell& cell, uint32_t offset, uint32_t site,
                    const char* action);
  void check_after_write(Thread& thread, const Cell& cell, uint32_t offset, uint32_t site,
                         const char* action);
  void check_after_reads(Thread& thread, const Cell& cell, uint32_t offset, uint32_t site,
                         const char* action);
  void note_reader(Thread& thread, Cell& cell, uint32_t site);
  static void note_writer(Thread& thread, Cell& cell, uint32_t site, uint8_t flags);

  template <class F>
  void for_cells(uint32_t offset, uint32_t size, F&& f) {
    const uint32_t last = (offset + size - 1) >> shift_;
    for (uint32_t i = offset >> shift_; i <= last; ++i) f(cells_[i], i << shift_);
  }

  Mapping arena_;
  Mapping shadow_;
  Cell* cells_;
  uint32_t shift_ = 1;  // log2 of bytes per cell
  std::vector<uint32_t> dynamic_, used_, dirty_;
  Random random_{1};
};

}  // namespace gradus::sim
