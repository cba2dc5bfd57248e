// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gradus::kernels {

// The innermost product of the packed matmul: c (rows, columns) = a b, or c += a b with `add`.
// a: k steps of `rows` elements; b: k steps of `columns` elements; c: rows of stride ldc. Each
// element adds its k products in order (fused where the instruction set has it).
template <class T>
struct MatmulTile {
  int rows, columns;
  void (*run)(int64_t k, const T* a, const T* b, T* c, int64_t ldc, bool add);
};

// Bounds over all instruction sets, for buffers.
inline constexpr int matmul_max_tile_rows = 14;
inline constexpr int matmul_max_tile_columns = 32;

extern const MatmulTile<float> matmul_tile_f32_base, matmul_tile_f32_avx2, matmul_tile_f32_avx512;
extern const MatmulTile<double> matmul_tile_f64_base, matmul_tile_f64_avx2, matmul_tile_f64_avx512;

// The tile for the running processor.
template <class T>
const MatmulTile<T>& matmul_tile();

}  // namespace gradus::kernels
