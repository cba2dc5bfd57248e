// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/shared_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "kernels/sim/cluster.h"
#include "kernels/sim/options.h"

namespace gradus::sim {
namespace {

constexpr int poison = 0xff;  // NaN in every floating type

[[noreturn]] void complain(Thread& thread, Rule rule, uint32_t offset, uint32_t site,
                           const std::string& what) {
  thread.cluster->fail(
      rule, fmt::format("{} {} at shared offset {} of rank {} [{}]", describe(thread), what,
                        offset % window_bytes, offset / window_bytes, site_name(site)));
}

std::string other_party(Thread& thread, uint16_t order, uint32_t site, const char* did) {
  return fmt::format("{} {} [{}]", describe(thread.cluster->thread(order)), did, site_name(site));
}

}  // namespace

SharedMemory::SharedMemory()
    : arena_(size_t{max_ranks} * window_bytes, window_bytes),
      shadow_(size_t{max_ranks} * window_bytes * sizeof(Cell)),
      cells_(reinterpret_cast<Cell*>(shadow_.data())),
      dynamic_(max_ranks, 0),
      used_(max_ranks, 0),
      dirty_(max_ranks, 0) {}

void SharedMemory::open_window(uint32_t rank, uint32_t dynamic_bytes) {
  // Whatever the window's last block used may hold its values and marks.
  const uint32_t stale = std::max(dirty_[rank], dynamic_bytes);
  std::memset(window(rank), poison, stale);
  const size_t first = (size_t{rank} * window_bytes) >> shift_;
  std::memset(static_cast<void*>(cells_ + first), 0, ((stale >> shift_) + 1) * sizeof(Cell));
  shift_ = static_cast<uint32_t>(std::countr_zero(static_cast<uint32_t>(options().granule)));
  dynamic_[rank] = used_[rank] = dirty_[rank] = dynamic_bytes;
}

void* SharedMemory::grow_window(uint32_t rank, uint32_t bytes, uint32_t alignment) {
  const uint32_t start = (used_[rank] + alignment - 1) / alignment * alignment;
  if (start + bytes > max_shared_bytes ||
      start + bytes - dynamic_[rank] > max_static_shared_bytes + alignment)
    return nullptr;
  std::memset(window(rank) + used_[rank], poison, start + bytes - used_[rank]);
  used_[rank] = dirty_[rank] = start + bytes;
  return window(rank) + start;
}

void SharedMemory::check_bounds(Thread& thread, uint32_t offset, uint32_t size, uint32_t site) {
  const uint32_t rank = offset / window_bytes;
  if (rank >= thread.cluster->ranks() || offset % window_bytes + size > used_[rank])
    complain(thread, Rule::bounds, offset, site,
             fmt::format("touches {} bytes outside the {} bytes in use", size,
                         rank < thread.cluster->ranks() ? used_[rank] : 0));
}

void SharedMemory::check_usable(Thread& thread, const Cell& cell, uint32_t offset, uint32_t site,
                                const char* action) {
  if (cell.async_writes > 0)
    complain(thread, Rule::async_in_flight, offset, site,
             fmt::format("{} bytes that an asynchronous copy still writes (issued at {})", action,
                         site_name(cell.write_site)));
  if ((cell.flags & mbarrier_bytes) != 0)
    complain(thread, Rule::mbarrier, offset, site, fmt::format("{} an mbarrier", action));
}

void SharedMemory::check_after_write(Thread& thread, const Cell& cell, uint32_t offset,
                                     uint32_t site, const char* action) {
  if (cell.write_clock > thread.clock[cell.write_thread])
    complain(thread, Rule::shared_race, offset, site,
             fmt::format("{} what {}, with no order between them,", action,
                         other_party(thread, cell.write_thread, cell.write_site, "wrote")));
}

void SharedMemory::check_after_reads(Thread& thread, const Cell& cell, uint32_t offset,
                                     uint32_t site, const char* action) {
  for (int i = 0; i < 2; ++i)
    if (cell.read_clock[i] > thread.clock[cell.read_thread[i]])
      complain(thread, Rule::shared_race, offset, site,
               fmt::format("{} what {}, with no order between them,", action,
                           other_party(thread, cell.read_thread[i], cell.read_site[i], "read")));
}

void SharedMemory::note_reader(Thread& thread, Cell& cell, uint32_t site) {
  if (cell.read_clock[0] != 0 && cell.read_thread[0] != thread.order &&
      (cell.read_clock[1] == 0 || random_.coin())) {
    cell.read_clock[1] = cell.read_clock[0];
    cell.read_thread[1] = cell.read_thread[0];
    cell.read_site[1] = cell.read_site[0];
  }
  cell.read_clock[0] = thread.now();
  cell.read_thread[0] = static_cast<uint16_t>(thread.order);
  cell.read_site[0] = site;
}

void SharedMemory::note_writer(Thread& thread, Cell& cell, uint32_t site, uint8_t flags) {
  cell.write_clock = thread.now();
  cell.write_thread = static_cast<uint16_t>(thread.order);
  cell.write_site = site;
  cell.read_clock[0] = cell.read_clock[1] = 0;  // all ordered before this write
  cell.flags = static_cast<uint8_t>((cell.flags & ~atomic_write) | flags);
}

void SharedMemory::read(Thread& thread, uint32_t offset, uint32_t size, uint32_t site) {
  check_bounds(thread, offset, size, site);
  for_cells(offset, size, [&](Cell& cell, uint32_t at) {
    check_usable(thread, cell, at, site, "reads");
    if ((cell.flags & initialised) == 0)
      complain(thread, Rule::uninitialised, at, site, "reads what nothing has written");
    check_after_write(thread, cell, at, site, "reads");
    note_reader(thread, cell, site);
  });
}

void SharedMemory::write(Thread& thread, uint32_t offset, uint32_t size, uint32_t site) {
  check_bounds(thread, offset, size, site);
  for_cells(offset, size, [&](Cell& cell, uint32_t at) {
    check_usable(thread, cell, at, site, "writes");
    check_after_write(thread, cell, at, site, "overwrites");
    check_after_reads(thread, cell, at, site, "overwrites");
    note_writer(thread, cell, site, initialised);
  });
}

void SharedMemory::atomic(Thread& thread, uint32_t offset, uint32_t size, uint32_t site) {
  check_bounds(thread, offset, size, site);
  for_cells(offset, size, [&](Cell& cell, uint32_t at) {
    check_usable(thread, cell, at, site, "updates");
    if ((cell.flags & initialised) == 0)
      complain(thread, Rule::uninitialised, at, site, "updates what nothing has written");
    if ((cell.flags & atomic_write) == 0)
      check_after_write(thread, cell, at, site, "updates atomically");
    check_after_reads(thread, cell, at, site, "updates atomically");
    note_writer(thread, cell, site, initialised | atomic_write);
  });
}

void SharedMemory::begin_async_write(Thread& thread, uint32_t offset, uint32_t size,
                                     uint32_t site) {
  check_bounds(thread, offset, size, site);
  for_cells(offset, size, [&](Cell& cell, uint32_t at) {
    check_usable(thread, cell, at, site, "copies into");
    check_after_write(thread, cell, at, site, "copies over");
    check_after_reads(thread, cell, at, site, "copies over");
    ++cell.async_writes;
    cell.write_site = site;
  });
}

void SharedMemory::finish_async_write(Thread& thread, uint32_t offset, uint32_t size,
                                      uint32_t site) {
  for_cells(offset, size, [&](Cell& cell, uint32_t) {
    --cell.async_writes;
    note_writer(thread, cell, site, initialised);
  });
}

void SharedMemory::mark_mbarrier(Thread& thread, uint32_t offset, bool on, uint32_t site) {
  check_bounds(thread, offset, 8, site);
  for_cells(offset, 8, [&](Cell& cell, uint32_t at) {
    if (on) {
      check_after_write(thread, cell, at, site, "initialises an mbarrier over");
      check_after_reads(thread, cell, at, site, "initialises an mbarrier over");
      note_writer(thread, cell, site, initialised | mbarrier_bytes);
    } else {
      cell.flags = 0;
    }
  });
}

}  // namespace gradus::sim
