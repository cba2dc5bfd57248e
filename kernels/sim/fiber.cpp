// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/fiber.h"

#include <new>
#include <utility>

#include <sys/mman.h>
#include <boost/context/detail/fcontext.hpp>

namespace gradus::sim {
namespace {

constexpr size_t guard_bytes = 4096;
constexpr size_t stagger_bytes = 576;
constexpr size_t stagger_steps = 48;

void trampoline(boost::context::detail::transfer_t transfer) {
  const auto* start = static_cast<const FiberStart*>(transfer.data);
  start->entry(transfer.fctx, start->argument);
}

}  // namespace

FiberStack::FiberStack() {
  void* base = mmap(nullptr, guard_bytes + fiber_stack_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  mprotect(base, guard_bytes, PROT_NONE);
  low_ = static_cast<char*>(base) + guard_bytes;
}

FiberStack::~FiberStack() {
  if (low_ != nullptr) munmap(low_ - guard_bytes, guard_bytes + fiber_stack_bytes);
}

FiberStack::FiberStack(FiberStack&& other) noexcept : low_(std::exchange(other.low_, nullptr)) {}

FiberContext make_fiber(const FiberStack& stack, size_t index) {
  const size_t size = fiber_stack_bytes - (index % stagger_steps) * stagger_bytes;
  return boost::context::detail::make_fcontext(stack.low() + size, size, trampoline);
}

FiberContext switch_to(FiberContext to, FiberStart* start) {
  return boost::context::detail::jump_fcontext(to, start).fctx;
}

}  // namespace gradus::sim
