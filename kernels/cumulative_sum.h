// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

// y[o, d, i] = sum of x[o, e, i] over e <= d, or over e >= d in reverse. In f64 for a floating y,
// modulo 2^64 otherwise (a floating x is truncated element by element first). Requires: dense
// row-major, arithmetic types (bool as u8). y may be the memory of x where the types are the same.
struct CumulativeSumArgs {
  DType dtype;
  const void* x;
  DType out_dtype;
  void* y;
  int64_t outer, dim, inner;
  bool reverse;
};

void cumulative_sum_cpu(const CumulativeSumArgs& args);

}  // namespace gradus::kernels
