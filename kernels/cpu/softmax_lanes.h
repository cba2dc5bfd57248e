// SPDX-License-Identifier: Apache-2.0
// Rows of f32 on sixteen lanes, included by softmax_avx2.cpp and softmax_avx512.cpp. A row's sums
// run in sixteen partial sums of at most block_cols columns each, then go on in f64.
#pragma once

#if defined(__AVX2__)

#include <cmath>

#include "engine/base/parallel.h"
#include "kernels/cpu/exp_row.h"
#include "kernels/cpu/lanes.h"
#include "kernels/softmax.h"

namespace gradus::kernels {
namespace {

constexpr int64_t elements_per_chunk = 1 << 14;

inline void softmax_row(const float* x, float* y, int64_t cols) {
  const float sum = static_cast<float>(exp_row(x, y, cols, largest_of(x, cols)));
  for_lanes(cols, [&](int64_t c, int64_t n) { store(load(y + c, n) / Lanes::all(sum), y + c, n); });
}

inline void log_softmax_row(const float* x, float* y, int64_t cols) {
  const float shift = largest_of(x, cols);
  const float log_sum = static_cast<float>(std::log(exp_row(x, nullptr, cols, shift)));
  for_lanes(cols, [&](int64_t c, int64_t n) {
    store(load(x + c, n) - Lanes::all(shift) - Lanes::all(log_sum), y + c, n);
  });
}

inline void softmax_backward_row(const float* dy, const float* y, float* dx, int64_t cols) {
  double total = 0;
  for_blocks(cols, [&](int64_t begin, int64_t size) {
    Lanes partial = Lanes::zero();
    for_lanes(size, [&](int64_t c, int64_t n) {
      partial = fma(load(dy + begin + c, n), load(y + begin + c, n), partial);
    });
    total += static_cast<double>(sum(partial));
  });
  const Lanes shift = Lanes::all(static_cast<float>(total));
  for_lanes(cols, [&](int64_t c, int64_t n) {
    store(load(y + c, n) * (load(dy + c, n) - shift), dx + c, n);
  });
}

inline void log_softmax_backward_row(const float* dy, const float* y, float* dx, int64_t cols) {
  double total = 0;
  for_blocks(cols, [&](int64_t begin, int64_t size) {
    Lanes partial = Lanes::zero();
    for_lanes(size, [&](int64_t c, int64_t n) { partial = partial + load(dy + begin + c, n); });
    total += static_cast<double>(sum(partial));
  });
  const Lanes scale = Lanes::all(static_cast<float>(total));
  for_lanes(cols, [&](int64_t c, int64_t n) {
    store(load(dy + c, n) - exp(load(y + c, n)) * scale, dx + c, n);
  });
}

// row(start of the row) for every row, in chunks fixed by the shape.
template <class Row>
inline void for_rows(int64_t rows, int64_t cols, Row&& row) {
  const int64_t grain = cols >= elements_per_chunk ? 1 : elements_per_chunk / cols;
  parallel_range(rows, grain, [&](int64_t begin, int64_t end) {
    const FlushDenormals flush;
    for (int64_t r = begin; r < end; ++r) row(r * cols);
  });
}

inline void softmax_rows(const SoftmaxArgs& args) {
  const float* x = static_cast<const float*>(args.x);
  float* y = static_cast<float*>(args.y);
  for_rows(args.outer, args.dim, [&](int64_t at) {
    if (args.log)
      log_softmax_row(x + at, y + at, args.dim);
    else
      softmax_row(x + at, y + at, args.dim);
  });
}

inline void softmax_backward_rows(const SoftmaxBackwardArgs& args) {
  const float *dy = static_cast<const float*>(args.dy), *y = static_cast<const float*>(args.y);
  float* dx = static_cast<float*>(args.dx);
  for_rows(args.outer, args.dim, [&](int64_t at) {
    if (args.log)
      log_softmax_backward_row(dy + at, y + at, dx + at, args.dim);
    else
      softmax_backward_row(dy + at, y + at, dx + at, args.dim);
  });
}

}  // namespace
}  // namespace gradus::kernels

#endif
