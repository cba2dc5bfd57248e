// SPDX-License-Identifier: Apache-2.0
// Products of small f32 matrices held in registers. The right operand is packed into panels of
// sixteen columns, each (depth, 16) without gaps: rows far apart in memory fall on few sets of the
// L1 cache and push each other out. Each element is one chain of fused multiply-adds in the order
// of k, whatever the blocking: the same bits for every instruction set.
#pragma once

#if defined(__AVX2__)

#include <algorithm>

#include "kernels/cpu/lanes.h"

namespace gradus::kernels {
namespace {

// The left matrix, read with two free strides: a transposed one needs no copy.
struct LeftMatrix {
  const float* data;
  int64_t row, col;
};

// `count` panels of `depth` rows, `step` floats apart.
struct Panels {
  const float* data;
  int64_t count, depth, step;
};

template <int R, int V>
inline void panel_tile(LeftMatrix a, const float* b, int64_t b_step, int64_t depth, float* c,
                       int64_t c_row, bool add) {
  Lanes sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      sum[r][v] = add ? Lanes::load(c + r * c_row + 16 * v) : Lanes::zero();
  for (int64_t k = 0; k < depth; ++k) {
    Lanes right[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) right[v] = Lanes::load(b + k * 16 + v * b_step);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Lanes left = Lanes::all(a.data[r * a.row + k * a.col]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[r][v].store(c + r * c_row + 16 * v);
}

// R rows: the panels stay in the L1 cache from one group of rows to the next.
template <int R>
inline void panel_rows(LeftMatrix a, Panels b, float* c, int64_t c_row, bool add) {
  int64_t p = 0;
#if defined(__AVX512F__)
  for (; p + 4 <= b.count; p += 4)
    panel_tile<R, 4>(a, b.data + p * b.step, b.step, b.depth, c + p * 16, c_row, add);
#endif
  for (; p < b.count; ++p)
    panel_tile<R, 1>(a, b.data + p * b.step, b.step, b.depth, c + p * 16, c_row, add);
}

// Which part of a product is wanted, where the rest is known to be 0 or is not read: all; columns
// up to the row's number; left elements (r, k) with k <= r; with k >= r. What is done beyond a part
// depends on the number of the row alone.
enum class Part { whole, lower_columns, lower_left, upper_left };

template <int R>
inline void part_rows(LeftMatrix a, int64_t r, Panels b, float* c, int64_t c_row, bool add,
                      Part part) {
  LeftMatrix from{a.data + r * a.row, a.row, a.col};
  if (part == Part::lower_columns) b.count = std::min(b.count, (r + R + 15) / 16);
  if (part == Part::lower_left) b.depth = std::min(b.depth, r + R);
  if (part == Part::upper_left) {
    const int64_t k = std::min(r, b.depth);
    from.data += k * a.col;
    b.data += k * 16;
    b.depth -= k;
  }
  panel_rows<R>(from, b, c + r * c_row, c_row, add);
}

// c (rows, 16 b.count) = [c +] a (rows, depth) * b; c has the row stride c_row.
inline void panel_product(LeftMatrix a, int64_t rows, Panels b, float* c, int64_t c_row, bool add,
                          Part part = Part::whole) {
  int64_t r = 0;
  // Two fours rather than a six and two ones.
  for (; rows - r >= 6 && rows - r != 8; r += 6) part_rows<6>(a, r, b, c, c_row, add, part);
  for (; r + 4 <= rows; r += 4) part_rows<4>(a, r, b, c, c_row, add, part);
  for (; r < rows; ++r) part_rows<1>(a, r, b, c, c_row, add, part);
}

// Rows of x (rows, cols), `row` floats apart, as panels of their columns: (cols / 16, depth, 16)
// with depth >= rows. What lies beyond x is 0.
inline void pack_panels(const float* x, int64_t row, int64_t rows, int64_t cols, int64_t depth,
                        float* out) {
  for (int64_t c = 0; c < cols; c += 16, out += depth * 16) {
    const int64_t count = std::min<int64_t>(16, cols - c);
    for (int64_t r = 0; r < rows; ++r) load(x + r * row + c, count).store(out + r * 16);
    std::fill(out + rows * 16, out + depth * 16, 0.f);
  }
}

// x (8, 8), `row` floats apart, transposed to rows 16 floats apart.
inline void transpose_8x8(const float* x, int64_t row, float* out) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(x + i * row);
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(out + i * 16, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
    _mm256_storeu_ps(out + (i + 4) * 16, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
  }
}

// The transpose of x (rows, cols) in panels of sixteen of its rows: (panels, cols, 16). Rows beyond
// x are 0.
inline void pack_transposed(const float* x, int64_t row, int64_t rows, int64_t cols, int64_t panels,
                            float* out) {
  for (int64_t p = 0; p < panels; ++p, out += cols * 16) {
    for (int64_t half = 0; half < 16; half += 8) {
      const int64_t first = p * 16 + half;
      const bool whole = first + 8 <= rows;
      int64_t c = 0;
      for (; whole && c + 8 <= cols; c += 8)
        transpose_8x8(x + first * row + c, row, out + c * 16 + half);
      for (; c < cols; ++c)
        for (int64_t r = 0; r < 8; ++r)
          out[c * 16 + half + r] = first + r < rows ? x[(first + r) * row + c] : 0.f;
    }
  }
}

}  // namespace
}  // namespace gradus::kernels

#endif
