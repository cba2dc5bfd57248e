// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/cpu/matmul_tile.h"
#include "kernels/cpu/matmul_tile_body.h"

namespace gradus::kernels {
namespace {

struct F32 {
  using T = float;
  using V = __m256;
  static constexpr int width = 8;
  static V load(const T* from) { return _mm256_loadu_ps(from); }
  static void store(T* to, V v) { _mm256_storeu_ps(to, v); }
  static V broadcast(T x) { return _mm256_set1_ps(x); }
  static V add(V a, V b) { return _mm256_add_ps(a, b); }
  static V multiply_add(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
};

struct F64 {
  using T = double;
  using V = __m256d;
  static constexpr int width = 4;
  static V load(const T* from) { return _mm256_loadu_pd(from); }
  static void store(T* to, V v) { _mm256_storeu_pd(to, v); }
  static V broadcast(T x) { return _mm256_set1_pd(x); }
  static V add(V a, V b) { return _mm256_add_pd(a, b); }
  static V multiply_add(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
};

}  // namespace

const MatmulTile<float> matmul_tile_f32_avx2{6, 16, matmul_tile_body<F32, 6, 2>};
const MatmulTile<double> matmul_tile_f64_avx2{6, 8, matmul_tile_body<F64, 6, 2>};

}  // namespace gradus::kernels
