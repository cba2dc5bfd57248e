// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

// partial[c] = the sum of x[i]^2 in f64 over piece c of x: elements c * 2^14 and on. The caller
// adds the pieces in order, so the result does not depend on threads. Requires: f32 or f64;
// `partial` holds square_pieces(n) elements.
struct SumOfSquaresArgs {
  DType dtype;
  const void* x;
  int64_t n;
  double* partial;
};

constexpr int64_t square_pieces(int64_t n) { return (n + (1 << 14) - 1) >> 14; }

void sum_of_squares_cpu(const SumOfSquaresArgs& args);

}  // namespace gradus::kernels
