// SPDX-License-Identifier: Apache-2.0
// The two passes over a row of f32 that softmax and cross-entropy begin with. For files named
// *_avx2.cpp and *_avx512.cpp only; see lanes.h.
#pragma once

#if defined(__AVX2__)

#include "kernels/cpu/lanes.h"

namespace gradus::kernels {
namespace {

// Partial sums in f32 run over at most this many columns, then go on in f64.
constexpr int64_t block_cols = 4096;

template <class Body>
inline void for_blocks(int64_t cols, Body&& body) {
  for (int64_t c = 0; c < cols; c += block_cols)
    body(c, cols - c < block_cols ? cols - c : block_cols);
}

// A NaN in x may or may not be found: exp_row's sum is NaN either way.
inline float largest_of(const float* x, int64_t cols) {
  const Lanes lowest = Lanes::all(-__builtin_inff());
  Lanes best = lowest;
  for_lanes(cols,
            [&](int64_t c, int64_t n) { best = max(best, first(n, load(x + c, n), lowest)); });
  return largest(best);
}

// The sum of exp(x - shift); the terms go to y unless it is null. y may be x.
inline double exp_row(const float* x, float* y, int64_t cols, float shift) {
  double total = 0;
  for_blocks(cols, [&](int64_t begin, int64_t size) {
    Lanes partial = Lanes::zero();
    for_lanes(size, [&](int64_t c, int64_t n) {
      const Lanes e = exp(load(x + begin + c, n) - Lanes::all(shift));
      if (y != nullptr) store(e, y + begin + c, n);
      partial = partial + first(n, e, Lanes::zero());
    });
    total += static_cast<double>(sum(partial));
  });
  return total;
}

}  // namespace
}  // namespace gradus::kernels

#endif
