// SPDX-License-Identifier: Apache-2.0
// Included by one source file per instruction set, each with its own vector types (in an unnamed
// namespace, so that no two share a symbol).
#pragma once

#include <cstdint>

namespace gradus::kernels {

// Lanes: T, V (a vector of T), width, and load, store, broadcast, multiply_add(a, b, c) = a * b +
// c. Rows * Vectors accumulators stay in registers.
template <class Lanes, int Rows, int Vectors>
void matmul_tile_body(int64_t k, const typename Lanes::T* a, const typename Lanes::T* b,
                      typename Lanes::T* c, int64_t ldc, bool add) {
  using V = typename Lanes::V;
  constexpr int width = Lanes::width;
  V sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[r][v] = Lanes::broadcast(0);
  for (int64_t step = 0; step < k; ++step) {
    V column[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) column[v] = Lanes::load(b + v * width);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const V row = Lanes::broadcast(a[r]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Lanes::multiply_add(row, column[v], sum[r][v]);
    }
    a += Rows;
    b += Vectors * width;
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      typename Lanes::T* to = c + r * ldc + v * width;
      Lanes::store(to, add ? Lanes::add(Lanes::load(to), sum[r][v]) : sum[r][v]);
    }
}

}  // namespace gradus::kernels
