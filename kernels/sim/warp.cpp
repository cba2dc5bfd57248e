// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/warp.h"

#include <bit>

#include <fmt/format.h>

#include "kernels/sim/cluster.h"
#include "kernels/sim/device.h"
#include "kernels/sim/sites.h"

namespace gradus::sim {
namespace {

[[noreturn]] void complain(Thread& thread, const char* name, uint32_t site,
                           const std::string& what) {
  thread.cluster->fail(Rule::collective, fmt::format("{} in {} {} [{}]", describe(thread), name,
                                                     what, site_name(site)));
}

// The operation in flight that `mask` belongs to, or a free slot for a new one.
Collective& find_slot(Thread& thread, const char* name, uint32_t mask, bool aligned,
                      uint32_t site) {
  Collective* free_slot = nullptr;
  for (Collective& open : thread.warp->open) {
    if (open.arrived == 0) {
      if (free_slot == nullptr) free_slot = &open;
      continue;
    }
    if ((open.mask & mask) == 0) continue;
    if (open.mask != mask)
      complain(thread, name, site,
               fmt::format("with mask {:#x} meets mask {:#x}", mask, open.mask));
    if (open.name != name || (aligned && open.site != site))
      complain(thread, name, site,
               fmt::format("while other lanes are in {} [{}]", open.name, site_name(open.site)));
    return open;
  }
  if (free_slot == nullptr) complain(thread, name, site, "diverges more than four ways");
  return *free_slot;
}

// Runs the operation for all lanes and lets them go; the calling thread continues by itself.
void finish_collective(Thread& caller, Collective& open) {
  open.finish(open);
  const uint32_t lanes = open.arrived;
  open.arrived = 0;
  for (uint32_t lane = 0; lane < 32; ++lane)
    if ((lanes >> lane & 1u) != 0 && lane != caller.lane)
      caller.cluster->wake(lane_thread(caller, lane));
}

}  // namespace

Thread& lane_thread(const Thread& thread, uint32_t lane) {
  return thread.cluster->thread(*thread.block, thread.warp->first + lane);
}

void run_collective(Thread& thread, const char* name, uint32_t mask, bool aligned, void* operands,
                    void (*finish)(Collective&), uint32_t site) {
  if ((mask >> thread.lane & 1u) == 0)
    complain(thread, name, site, fmt::format("is not in its own mask {:#x}", mask));
  mask &= thread.warp->existing;
  Collective& open = find_slot(thread, name, mask, aligned, site);
  if (open.arrived == 0) {
    open.name = name;
    open.finish = finish;
    open.mask = mask;
    open.site = site;
  }
  open.operands[thread.lane] = operands;
  open.arrived |= 1u << thread.lane;
  if (open.arrived == open.mask) {
    finish_collective(thread, open);
  } else {
    thread.cluster->block_thread(thread, name, 0, site);
  }
}

void leave_warp(Thread& thread) {
  thread.warp->existing &= ~(1u << thread.lane);
  for (Collective& open : thread.warp->open) {
    if (open.arrived == 0 || (open.mask >> thread.lane & 1u) == 0) continue;
    open.mask &= ~(1u << thread.lane);
    if (open.arrived == open.mask) finish_collective(thread, open);
  }
}

namespace {

struct ShuffleOperand {
  uint64_t value, result;
  int mode;
  int argument, width;
  uint32_t site;
};

int source_lane(int lane, const ShuffleOperand& o) {
  const int first = lane / o.width * o.width;
  const int last = first + o.width - 1;
  switch (o.mode) {
    case shuffle_index:
      return first + (o.argument & (o.width - 1));
    case shuffle_up:
      return lane - o.argument < first ? lane : lane - o.argument;
    case shuffle_down:
      return lane + o.argument > last ? lane : lane + o.argument;
    default: {  // xor: reading past the end of the own group gives the own value
      const int source = lane ^ o.argument;
      return source > last ? lane : source;
    }
  }
}

void finish_shuffle(Collective& c) {
  for (int lane = 0; lane < 32; ++lane) {
    if ((c.arrived >> lane & 1u) == 0) continue;
    auto& own = *static_cast<ShuffleOperand*>(c.operands[lane]);
    const int source = source_lane(lane, own);
    if ((c.arrived >> source & 1u) == 0)
      complain(lane_thread(*current.thread, static_cast<uint32_t>(lane)), c.name, own.site,
               fmt::format("reads lane {}, which does not take part", source));
    own.result = static_cast<ShuffleOperand*>(c.operands[source])->value;
  }
}

struct VoteOperand {
  bool predicate;
  uint32_t ballot;
};

void finish_vote(Collective& c) {
  uint32_t ballot = 0;
  for (int lane = 0; lane < 32; ++lane)
    if ((c.arrived >> lane & 1u) != 0 && static_cast<VoteOperand*>(c.operands[lane])->predicate)
      ballot |= 1u << lane;
  for (int lane = 0; lane < 32; ++lane)
    if ((c.arrived >> lane & 1u) != 0) static_cast<VoteOperand*>(c.operands[lane])->ballot = ballot;
}

// Orders the memory accesses of the lanes, as __syncwarp promises.
void finish_syncwarp(Collective& c) {
  Thread& any = *current.thread;
  const size_t length = any.cluster->clock_length();
  Clock all(length, 0);
  for (uint32_t lane = 0; lane < 32; ++lane)
    if ((c.arrived >> lane & 1u) != 0) join(all.data(), lane_thread(any, lane).clock, length);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    if ((c.arrived >> lane & 1u) == 0) continue;
    join(lane_thread(any, lane).clock, all.data(), length);
    lane_thread(any, lane).tick();
  }
}

uint32_t vote(const Entry& entry, const char* name, uint32_t mask, bool predicate) {
  VoteOperand operand{predicate, 0};
  run_collective(entry.thread, name, mask, false, &operand, finish_vote, entry.site);
  return operand.ballot;
}

}  // namespace

__attribute__((noinline)) uint64_t shuffle(uint32_t mask, uint64_t value, int mode, int argument,
                                           int width) {
  const Entry entry(__builtin_return_address(0));
  if (width < 1 || width > 32 || !std::has_single_bit(static_cast<uint32_t>(width)))
    complain(entry.thread, "shuffle", entry.site, fmt::format("with width {}", width));
  ShuffleOperand operand{value, 0, mode, argument, width, entry.site};
  run_collective(entry.thread, "shuffle", mask, false, &operand, finish_shuffle, entry.site);
  return operand.result;
}

}  // namespace gradus::sim

using gradus::sim::Entry;

__attribute__((noinline)) void __syncwarp(unsigned mask) {
  const Entry entry(__builtin_return_address(0));
  if (gradus::sim::dropped(entry, "__syncwarp")) return;
  run_collective(entry.thread, "__syncwarp", mask, false, nullptr, gradus::sim::finish_syncwarp,
                 entry.site);
}

__attribute__((noinline)) unsigned __ballot_sync(unsigned mask, int predicate) {
  const Entry entry(__builtin_return_address(0));
  return gradus::sim::vote(entry, "__ballot_sync", mask, predicate != 0);
}

__attribute__((noinline)) int __any_sync(unsigned mask, int predicate) {
  const Entry entry(__builtin_return_address(0));
  return gradus::sim::vote(entry, "__any_sync", mask, predicate != 0) != 0 ? 1 : 0;
}

__attribute__((noinline)) int __all_sync(unsigned mask, int predicate) {
  const Entry entry(__builtin_return_address(0));
  return gradus::sim::vote(entry, "__all_sync", mask, predicate == 0) == 0 ? 1 : 0;
}
