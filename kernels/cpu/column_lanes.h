// SPDX-License-Identifier: Apache-2.0
// Column sums of f32 matrices on sixteen lanes, which are neighbouring channels. For files named
// *_avx2.cpp and *_avx512.cpp only.
#pragma once

#if defined(__AVX2__)

#include "engine/base/parallel.h"
#include "kernels/cpu/column_chunks.h"
#include "kernels/cpu/lanes.h"

namespace gradus::kernels {
namespace {

constexpr int64_t columns_per_task = 64;

struct ColumnMoments {
  double mean, variance;
};
struct ColumnSums {
  double a, b;
};

// Calls body(row, channel, lanes) for all of the matrix.
template <class Body>
inline void over_rows(const ColumnChunks& chunks, Body&& body) {
  parallel_for(chunks.count, [&](int64_t chunk) {
    const FlushDenormals flush;
    for (int64_t row = chunks.begin(chunk); row < chunks.end(chunk); ++row)
      for_lanes(chunks.channels, [&](int64_t c, int64_t k) { body(row, c, k); });
  });
}

// Two sums per column and chunk, to which body(row, channel, lanes, a, b) adds.
template <class Body>
inline void column_sums(const ColumnChunks& chunks, float* parts, Body&& body) {
  parallel_for(chunks.count, [&](int64_t chunk) {
    const FlushDenormals flush;
    float* to = parts + chunk * ColumnWorkspace::arrays_per_chunk * chunks.channels;
    for_lanes(chunks.channels, [&](int64_t c, int64_t k) {
      Lanes a = Lanes::zero(), b = Lanes::zero();
      for (int64_t row = chunks.begin(chunk); row < chunks.end(chunk); ++row) body(row, c, k, a, b);
      store(a, to + c, k);
      store(b, to + chunks.channels + c, k);
    });
  });
}

inline ColumnSums merged_sums(const float* parts, const ColumnChunks& chunks, int64_t c) {
  ColumnSums total{0, 0};
  for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
    const float* from = parts + chunk * ColumnWorkspace::arrays_per_chunk * chunks.channels + c;
    total.a += static_cast<double>(from[0]);
    total.b += static_cast<double>(from[chunks.channels]);
  }
  return total;
}

// Per column and chunk: a rounded mean, and the sums of x - mean and of its square.
inline void column_moments(const float* x, const ColumnChunks& chunks, float* parts) {
  const int64_t channels = chunks.channels;
  parallel_for(chunks.count, [&](int64_t chunk) {
    const FlushDenormals flush;
    const int64_t begin = chunks.begin(chunk), end = chunks.end(chunk);
    const Lanes share = Lanes::all(1.f / static_cast<float>(end - begin));
    float* to = parts + chunk * ColumnWorkspace::arrays_per_chunk * channels;
    for_lanes(channels, [&](int64_t c, int64_t k) {
      Lanes sum = Lanes::zero(), first = Lanes::zero(), second = Lanes::zero();
      for (int64_t row = begin; row < end; ++row) sum = sum + load(x + row * channels + c, k);
      const Lanes mean = sum * share;
      for (int64_t row = begin; row < end; ++row) {
        const Lanes d = load(x + row * channels + c, k) - mean;
        first = first + d;
        second = fma(d, d, second);
      }
      store(mean, to + c, k);
      store(first, to + channels + c, k);
      store(second, to + 2 * channels + c, k);
    });
  });
}

// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
// variances" (1979), over the chunks in order.
inline ColumnMoments merged_moments(const float* parts, const ColumnChunks& chunks, int64_t c) {
  double count = 0, mean = 0, squares = 0;
  for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
    const float* from = parts + chunk * ColumnWorkspace::arrays_per_chunk * chunks.channels + c;
    const double n = static_cast<double>(chunks.end(chunk) - chunks.begin(chunk));
    const double first = static_cast<double>(from[chunks.channels]);
    const double second = static_cast<double>(from[2 * chunks.channels]);
    const double delta = static_cast<double>(from[0]) + first / n - mean;
    mean += delta * n / (count + n);
    squares += second - first * first / n + delta * delta * count * n / (count + n);
    count += n;
  }
  return {mean, count > 0 ? squares / count : 0};
}

}  // namespace
}  // namespace gradus::kernels

#endif
