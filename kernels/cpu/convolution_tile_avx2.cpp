// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/cpu/convolution_tile.h"
#include "kernels/cpu/convolution_tile_body.h"

namespace gradus::kernels {
namespace {

struct F32 {
  using V = __m256;
  static constexpr int width = 8;
  static V load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, V v) { _mm256_storeu_ps(to, v); }
  static V broadcast(float x) { return _mm256_set1_ps(x); }
  static V add(V a, V b) { return _mm256_add_ps(a, b); }
  static V multiply_add(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace

const ConvolutionTile convolution_tile_avx2 = convolution_tile_of<F32>();

}  // namespace gradus::kernels
