// SPDX-License-Identifier: Apache-2.0
// Barriers below the level of __syncthreads: the named ones of a block, and mbarriers in shared
// memory.
#pragma once

#include "kernels/common/async_copy.h"
#include "kernels/common/cuda.h"

namespace gradus::kernels {

#if defined(__CUDACC__)

// Waits at barrier `id` (1 to 15; 0 is __syncthreads) until `threads` threads, a multiple of 32,
// have come to it.
DEV void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Counts as one of them without waiting.
DEV void named_barrier_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// A phase ends with the `count`-th arrival. Other threads may use the barrier once they are ordered
// after this.
DEV void mbarrier_init(uint64_t* barrier, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(count)
               : "memory");
}

DEV void mbarrier_arrive(uint64_t* barrier) {
  asm volatile(
      "{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(shared_address(barrier))
      : "memory");
}

// Until the phase with this parity (0 for the first, 1, 0, ...) has ended.
DEV void mbarrier_wait(uint64_t* barrier, int parity) {
  uint32_t done = 0;
  while (done == 0) {
#if __CUDA_ARCH__ >= 900
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
#else
    asm volatile(
        "{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
#endif
  }
}

#else

DEV void named_barrier_sync(int id, int threads) {
  sim::named_barrier_sync(static_cast<uint32_t>(id), static_cast<uint32_t>(threads));
}
DEV void named_barrier_arrive(int id, int threads) {
  sim::named_barrier_arrive(static_cast<uint32_t>(id), static_cast<uint32_t>(threads));
}
DEV void mbarrier_init(uint64_t* barrier, int count) {
  sim::mbarrier_init(barrier, static_cast<uint32_t>(count));
}
DEV void mbarrier_arrive(uint64_t* barrier) { sim::mbarrier_arrive(barrier); }
DEV void mbarrier_wait(uint64_t* barrier, int parity) {
  sim::mbarrier_wait(barrier, static_cast<uint32_t>(parity));
}

#endif

}  // namespace gradus::kernels
