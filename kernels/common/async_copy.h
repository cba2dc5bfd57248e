// SPDX-License-Identifier: Apache-2.0
// cp.async (sm_80): copies from device to shared memory that run beside the thread.
#pragma once

#include "kernels/common/cuda.h"

namespace gradus::kernels {

#if defined(__CUDACC__)

DEV uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// 16 bytes, of which the first `source_bytes` (0 to 16) come from `from` and the rest are zeros.
// Both aligned to 16.
DEV void cp_async_16(void* to, const void* from, int source_bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(source_bytes)
               : "memory");
}

// Ends a group of copies.
DEV void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Until all but the latest N groups of this thread have landed.
template <int N>
DEV void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

#else

DEV void cp_async_16(void* to, const void* from, int source_bytes) {
  sim::cp_async(to, from, 16, static_cast<uint32_t>(source_bytes));
}
DEV void cp_async_commit() { sim::cp_async_commit(); }
template <int N>
DEV void cp_async_wait() {
  sim::cp_async_wait(N);
}

#endif

}  // namespace gradus::kernels
