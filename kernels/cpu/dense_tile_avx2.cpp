// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/cpu/dense_blocks_avx.h"
#include "kernels/cpu/dense_tile.h"
#include "kernels/cpu/dense_tile_body.h"

namespace gradus::kernels {
namespace {

struct F32 : BlockF32 {
  using T = float;
  using V = __m256;
  static constexpr int width = 8;
  static V load(const T* from) { return _mm256_loadu_ps(from); }
  static V load_part(const T* from, int count) { return _mm256_maskload_ps(from, below(count)); }
  static void store(T* to, V v) { _mm256_storeu_ps(to, v); }
  static void store_part(T* to, V v, int count) { _mm256_maskstore_ps(to, below(count), v); }
  static V broadcast(T x) { return _mm256_set1_ps(x); }
  static V add(V a, V b) { return _mm256_add_ps(a, b); }
  static void multiply_add(V a, V b, V& sum) {
    asm("vfmadd231ps %1, %2, %0" : "+x"(sum) : "x"(a), "x"(b));
  }

 private:
  static __m256i below(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

struct F64 : BlockF64 {
  using T = double;
  using V = __m256d;
  static constexpr int width = 4;
  static V load(const T* from) { return _mm256_loadu_pd(from); }
  static V load_part(const T* from, int count) { return _mm256_maskload_pd(from, below(count)); }
  static void store(T* to, V v) { _mm256_storeu_pd(to, v); }
  static void store_part(T* to, V v, int count) { _mm256_maskstore_pd(to, below(count), v); }
  static V broadcast(T x) { return _mm256_set1_pd(x); }
  static V add(V a, V b) { return _mm256_add_pd(a, b); }
  static void multiply_add(V a, V b, V& sum) {
    asm("vfmadd231pd %1, %2, %0" : "+x"(sum) : "x"(a), "x"(b));
  }

 private:
  static __m256i below(int count) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
  }
};

}  // namespace

const DenseTile<float> dense_tile_f32_avx2 = make_dense_tile<F32, 6, 2>();
const DenseTile<double> dense_tile_f64_avx2 = make_dense_tile<F64, 6, 2>();

}  // namespace gradus::kernels
