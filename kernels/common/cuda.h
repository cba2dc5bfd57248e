// SPDX-License-Identifier: Apache-2.0
// The base of every kernel file: CUDA under nvcc, the simulator's stand-in under the host compiler
// (which is found first on the include path there).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

// Every device helper is inlined: under nvcc for speed, in the simulator because the compiler's
// access hooks miss a store of a struct that an out-of-line function returned.
#define DEV __device__ __forceinline__

// For long functions of numbers that many places call. Not for those that return a struct.
#if defined(__CUDACC__)
#define DEV_CALL __device__ __noinline__
#else
#define DEV_CALL __attribute__((noinline))
#endif

namespace gradus::kernels {

inline constexpr unsigned full_warp = 0xffffffffu;
inline constexpr int warp_size = 32;

#if defined(__CUDACC__)
// A fault that tests switch on in the simulator; never on a GPU.
DEV constexpr bool planted(int) { return false; }
#endif

}  // namespace gradus::kernels

#if !defined(__CUDACC__)
#include "kernels/sim/sites.h"
namespace gradus::kernels {
using sim::planted;
}
#endif
