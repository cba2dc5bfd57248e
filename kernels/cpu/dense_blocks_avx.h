// SPDX-License-Identifier: Apache-2.0
// Square blocks transposed in 256-bit registers, for the *_avx2.cpp and *_avx512.cpp files. In an
// unnamed namespace: code compiled for two instruction sets must never be merged.
#pragma once

#if defined(__AVX2__)

#include <immintrin.h>

namespace gradus::kernels {
namespace {

struct BlockF32 {
  using Block = __m256;
  static constexpr int block = 8;
  static Block load_block(const float* from) { return _mm256_loadu_ps(from); }
  static void store_block(float* to, Block v) { _mm256_storeu_ps(to, v); }
  // Pairs of rows, then pairs of pairs, then halves.
  static void transpose(Block (&rows)[8]) {
    Block pairs[8], fours[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 4)
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const Block low = pairs[i + half], high = pairs[i + 2 + half];
        fours[i + 2 * half] = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(1, 0, 1, 0));
        fours[i + 2 * half + 1] = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 2, 3, 2));
      }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      rows[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
      rows[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
    }
  }
};

struct BlockF64 {
  using Block = __m256d;
  static constexpr int block = 4;
  static Block load_block(const double* from) { return _mm256_loadu_pd(from); }
  static void store_block(double* to, Block v) { _mm256_storeu_pd(to, v); }
  static void transpose(Block (&rows)[4]) {
    const Block a = _mm256_unpacklo_pd(rows[0], rows[1]), b = _mm256_unpackhi_pd(rows[0], rows[1]);
    const Block c = _mm256_unpacklo_pd(rows[2], rows[3]), d = _mm256_unpackhi_pd(rows[2], rows[3]);
    rows[0] = _mm256_permute2f128_pd(a, c, 0x20);
    rows[1] = _mm256_permute2f128_pd(b, d, 0x20);
    rows[2] = _mm256_permute2f128_pd(a, c, 0x31);
    rows[3] = _mm256_permute2f128_pd(b, d, 0x31);
  }
};

}  // namespace
}  // namespace gradus::kernels

#endif
