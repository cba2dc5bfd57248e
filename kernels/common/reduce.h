// SPDX-License-Identifier: Apache-2.0
// Reductions over the lanes of a warp and the threads of a block, in an order fixed by the shape.
#pragma once

#include "kernels/common/cuda.h"
#include "kernels/common/shared.h"

namespace gradus::kernels {

struct Sum {
  template <class T>
  DEV T operator()(T a, T b) const {
    return a + b;
  }
  template <class T>
  DEV static T identity() {
    return T(0);
  }
};

struct Max {
  template <class T>
  DEV T operator()(T a, T b) const {
    return a > b ? a : b;
  }
  template <class T>
  DEV static T identity() {
    return -T(__builtin_huge_val());
  }
};

// Over groups of `Lanes` neighbouring lanes; every lane gets its group's result. All lanes of the
// warp must call it.
template <int Lanes = warp_size, class T, class Op>
DEV T warp_reduce(T value, Op op) {
#pragma unroll
  for (int offset = Lanes / 2; offset > 0; offset /= 2)
    value = op(value, __shfl_xor_sync(full_warp, value, offset));
  return value;
}

// Over a block of `Threads` (a multiple of 32), numbered along x; every thread gets the result. All
// threads must call it. The scratch memory belongs to (Threads, T, Op): between two calls with the
// same three there must be a barrier.
template <int Threads, class T, class Op>
DEV T block_reduce(T value, Op op) {
  static_assert(Threads % warp_size == 0 && Threads <= 1024);
  value = warp_reduce(value, op);
  if constexpr (Threads > warp_size) {
    constexpr int warps = Threads / warp_size;
    SHARED(part, T[warps]);
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
    if (lane == 0) part[threadIdx.x / warp_size] = value;
    __syncthreads();
    value = warp_reduce(lane < warps ? part[lane] : Op::template identity<T>(), op);
  }
  return value;
}

}  // namespace gradus::kernels
