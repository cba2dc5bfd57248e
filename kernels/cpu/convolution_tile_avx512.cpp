// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/cpu/convolution_tile.h"
#include "kernels/cpu/convolution_tile_body.h"

namespace gradus::kernels {
namespace {

struct F32 {
  using V = __m512;
  static constexpr int width = 16;
  static V load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, V v) { _mm512_storeu_ps(to, v); }
  static V broadcast(float x) { return _mm512_set1_ps(x); }
  static V add(V a, V b) { return _mm512_add_ps(a, b); }
  static V multiply_add(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
};

}  // namespace

const ConvolutionTile convolution_tile_avx512 = convolution_tile_of<F32>();

}  // namespace gradus::kernels
