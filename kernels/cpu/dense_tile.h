// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace gradus::kernels {

// Bounds over all instruction sets, for buffers.
inline constexpr int dense_max_tile_rows = 14, dense_max_tile_columns = 32;
inline constexpr int dense_panel_bytes = 20480;  // of one packed panel: it shares the L1 cache

// One register tile of a product: c (rows, columns) = [c +] a b [+ bias].
template <class T>
struct DenseTileArgs {
  int64_t k;
  const T* a;     // element (r, i) at a[r * a_row + i], or packed: a[i * DenseTile::rows + r]
  int64_t a_row;  // not used of packed rows
  const T* b;     // a panel: k rows of DenseTile::columns elements
  T* c;
  int64_t ldc;
  int columns;  // that exist in c: 1 .. DenseTile::columns
  bool add;
  const T* bias;  // (columns), or null
};

// The inner loops of dense matrix products for one instruction set. Each element adds its k
// products in order (fused where the instruction set has it), so that it has the same bits wherever
// in a tile it lies.
template <class T>
struct DenseTile {
  int rows, columns;
  // (*run[whole][r - 1]) computes a tile of r rows, 1 <= r <= rows; `whole` if all columns exist.
  struct Multiply {
    std::array<void (*)(const DenseTileArgs<T>&), dense_max_tile_rows> run[2];
  };
  Multiply multiply, multiply_packed;  // of rows of a read in place, and of packed rows
  // `count` columns of the right operand from `from` on, as panels of `columns`: each k rows of
  // that many elements, zeros past the last. Element (i, j) is read from from[i * ld + j], or from
  // from[j * ld + i] if the operand is stored transposed.
  using Pack = void (*)(const T* from, int64_t ld, int64_t k, int64_t count, T* to);
  Pack pack_columns, pack_columns_transposed;
  // `count` rows of a left operand that is stored transposed, element (r, i) at from[i * ld + r],
  // as panels of `rows`.
  Pack pack_rows_transposed;
};

extern const DenseTile<float> dense_tile_f32_base, dense_tile_f32_avx2, dense_tile_f32_avx512;
extern const DenseTile<double> dense_tile_f64_base, dense_tile_f64_avx2, dense_tile_f64_avx512;

// The tile for the running processor.
template <class T>
const DenseTile<T>& dense_tile();

}  // namespace gradus::kernels
