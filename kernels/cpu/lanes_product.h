// SPDX-License-Identifier: Apache-2.0
// Products of small f32 matrices held in registers, sixteen columns at a time. Each element is one
// chain of fused multiply-adds in the order of k, whatever the blocking: the same bits for every
// instruction set and every split of rows and columns.
#pragma once

#if defined(__AVX2__)

#include "kernels/cpu/lanes.h"

namespace gradus::kernels {
namespace {

// The left matrix, read with two free strides: a transposed one needs no copy.
struct LeftMatrix {
  const float* data;
  int64_t row, col;
};

template <int R, int V>
inline void product_tile(LeftMatrix a, const float* b, int64_t b_row, int64_t depth, float* c,
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
    for (int v = 0; v < V; ++v) right[v] = Lanes::load(b + k * b_row + 16 * v);
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

template <int V>
inline void product_columns(LeftMatrix a, int64_t rows, const float* b, int64_t b_row,
                            int64_t depth, float* c, int64_t c_row, bool add) {
  constexpr int R = V == 1 ? 6 : 4;  // as many accumulators as there are registers for
  int64_t r = 0;
  const auto from = [&](int64_t row) { return LeftMatrix{a.data + row * a.row, a.row, a.col}; };
  // Two fours rather than a six and two ones.
  for (; rows - r >= R && (R == 4 || rows - r != 8); r += R)
    product_tile<R, V>(from(r), b, b_row, depth, c + r * c_row, c_row, add);
  for (; r + 4 <= rows; r += 4)
    product_tile<4, V>(from(r), b, b_row, depth, c + r * c_row, c_row, add);
  for (; r < rows; ++r) product_tile<1, V>(from(r), b, b_row, depth, c + r * c_row, c_row, add);
}

// c (rows, cols) = [c +] a (rows, depth) * b (depth, cols); cols is a multiple of 16, b and c have
// the row strides given.
inline void product(LeftMatrix a, int64_t rows, const float* b, int64_t b_row, int64_t depth,
                    float* c, int64_t c_row, int64_t cols, bool add) {
  int64_t col = 0;
#if defined(__AVX512F__)
  for (; col + 64 <= cols; col += 64)
    product_columns<4>(a, rows, b + col, b_row, depth, c + col, c_row, add);
#endif
  for (; col < cols; col += 16)
    product_columns<1>(a, rows, b + col, b_row, depth, c + col, c_row, add);
}

}  // namespace
}  // namespace gradus::kernels

#endif
