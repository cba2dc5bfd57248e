// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/cpu/dense_blocks_avx.h"
#include "kernels/cpu/dense_tile.h"
#include "kernels/cpu/dense_tile_body.h"

namespace gradus::kernels {
namespace {

struct F32 : BlockF32 {
  using T = float;
  using V = __m512;
  static constexpr int width = 16;
  static V load(const T* from) { return _mm512_loadu_ps(from); }
  static V load_part(const T* from, int count) { return _mm512_maskz_loadu_ps(below(count), from); }
  static void store(T* to, V v) { _mm512_storeu_ps(to, v); }
  static void store_part(T* to, V v, int count) { _mm512_mask_storeu_ps(to, below(count), v); }
  static V broadcast(T x) { return _mm512_set1_ps(x); }
  static V add(V a, V b) { return _mm512_add_ps(a, b); }
  static void multiply_add(V a, V b, V& sum) {
    asm("vfmadd231ps %1, %2, %0" : "+v"(sum) : "v"(a), "v"(b));
  }

 private:
  static __mmask16 below(int count) { return static_cast<__mmask16>((1u << count) - 1u); }
};

struct F64 : BlockF64 {
  using T = double;
  using V = __m512d;
  static constexpr int width = 8;
  static V load(const T* from) { return _mm512_loadu_pd(from); }
  static V load_part(const T* from, int count) { return _mm512_maskz_loadu_pd(below(count), from); }
  static void store(T* to, V v) { _mm512_storeu_pd(to, v); }
  static void store_part(T* to, V v, int count) { _mm512_mask_storeu_pd(to, below(count), v); }
  static V broadcast(T x) { return _mm512_set1_pd(x); }
  static V add(V a, V b) { return _mm512_add_pd(a, b); }
  static void multiply_add(V a, V b, V& sum) {
    asm("vfmadd231pd %1, %2, %0" : "+v"(sum) : "v"(a), "v"(b));
  }

 private:
  static __mmask8 below(int count) { return static_cast<__mmask8>((1u << count) - 1u); }
};

}  // namespace

const DenseTile<float> dense_tile_f32_avx512 = make_dense_tile<F32, 14, 2>();
const DenseTile<double> dense_tile_f64_avx512 = make_dense_tile<F64, 14, 2>();

}  // namespace gradus::kernels
