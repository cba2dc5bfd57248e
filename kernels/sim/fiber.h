// SPDX-License-Identifier: Apache-2.0
// Fibers: one simulated CUDA thread each, switched in user space by Boost.Context.
#pragma once

#include <cstddef>

namespace gradus::sim {

inline constexpr size_t fiber_stack_bytes = 128 * 1024;

// A mapped stack with a guard page below it.
class FiberStack {
 public:
  FiberStack();
  ~FiberStack();
  FiberStack(FiberStack&& other) noexcept;
  FiberStack(const FiberStack&) = delete;
  FiberStack& operator=(const FiberStack&) = delete;
  FiberStack& operator=(FiberStack&&) = delete;

  char* low() const { return low_; }

 private:
  char* low_;
};

// Where a fiber, or whoever switched to it, continues.
using FiberContext = void*;

// What a fiber does when first switched to: entry(where the switch came from, argument). The entry
// must not return. Lives until the fiber has started.
struct FiberStart {
  void (*entry)(FiberContext from, void* argument);
  void* argument;
};

// A fiber that has not started. `index` staggers the stack tops: equal page offsets fight for the
// same cache sets.
FiberContext make_fiber(const FiberStack& stack, size_t index);

// Continues `to` until something switches back here; returns where that one continues. `start` is
// read by a fiber that has not started yet.
FiberContext switch_to(FiberContext to, FiberStart* start);

}  // namespace gradus::sim
