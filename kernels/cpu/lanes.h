// SPDX-License-Identifier: Apache-2.0
// Sixteen floats worked on at once: one AVX-512 register or two of AVX2. Sums keep sixteen partial
// sums whatever the register width and products are fused (fma), so both give the same bits.
// For files named *_avx2.cpp and *_avx512.cpp only; everything is local to the including file,
// because the same inline function compiled for two instruction sets must never be merged. Empty
// where AVX2 is not switched on.
#pragma once

#if defined(__AVX2__)

// g++ 12 takes its own _mm512_undefined values for a defect.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <cstdint>

namespace gradus::kernels {
namespace {

#if defined(__AVX512F__)

struct Lanes {
  __m512 v;

  static Lanes load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Lanes all(float x) { return {_mm512_set1_ps(x)}; }
  static Lanes zero() { return {_mm512_setzero_ps()}; }
  // The first `count` (0..16) values; the others are 0 and their memory is not touched.
  static Lanes load_part(const float* p, int64_t count) {
    return {_mm512_maskz_loadu_ps(part(count), p)};
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_part(float* p, int64_t count) const { _mm512_mask_storeu_ps(p, part(count), v); }

  static __mmask16 part(int64_t count) { return static_cast<__mmask16>((1u << count) - 1u); }
};

inline Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Lanes operator/(Lanes a, Lanes b) { return {_mm512_div_ps(a.v, b.v)}; }
// a * b + c, rounded once.
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// The second operand where one is NaN.
inline Lanes max(Lanes a, Lanes b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Lanes min(Lanes a, Lanes b) { return {_mm512_min_ps(a.v, b.v)}; }
// a where index < count, else b, for the sixteen indices 0, 1, ..., 15; any count.
inline Lanes first(int64_t count, Lanes a, Lanes b) {
  const int64_t n = count < 0 ? 0 : count > 16 ? 16 : count;
  return {_mm512_mask_blend_ps(Lanes::part(n), b.v, a.v)};
}
// a where x > 0, else b.
inline Lanes where_positive(Lanes x, Lanes a, Lanes b) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, _mm512_setzero_ps(), _CMP_GT_OQ), b.v, a.v)};
}
// a where x > y or x is NaN, else b.
inline Lanes where_above(Lanes x, Lanes y, Lanes a, Lanes b) {
  const __mmask16 above = _mm512_cmp_ps_mask(x.v, y.v, _CMP_GT_OQ);
  const __mmask16 nan = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
  return {_mm512_mask_blend_ps(above | nan, b.v, a.v)};
}
// a where x == y, else b.
inline Lanes where_equal(Lanes x, Lanes y, Lanes a, Lanes b) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, y.v, _CMP_EQ_OQ), b.v, a.v)};
}
// a * 2^n for whole n in [-252, 252] held as floats: two steps, so that subnormal results are met.
inline Lanes scale_by_power(Lanes a, Lanes n) { return {_mm512_scalef_ps(a.v, n.v)}; }
// a * 2^n for whole n in [-127, 128] from `shifted` = 1.5 * 2^23 + n: 0 for the least n and
// infinite for the largest.
inline Lanes scale_by_shifted(Lanes a, Lanes shifted) {
  const __m512i biased = _mm512_add_epi32(_mm512_castps_si512(shifted.v), _mm512_set1_epi32(127));
  return {_mm512_mul_ps(a.v, _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23)))};
}
// Sum of lanes i and i + 8.
inline __m256 fold(Lanes a) {
  return _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
}
inline __m256 fold_max(Lanes a) {
  return _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
}

#else

struct Lanes {
  __m256 lo, hi;

  static Lanes load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Lanes all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Lanes zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Lanes load_part(const float* p, int64_t count) {
    return {_mm256_maskload_ps(p, below(count)), _mm256_maskload_ps(p + 8, below(count - 8))};
  }
  void store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void store_part(float* p, int64_t count) const {
    _mm256_maskstore_ps(p, below(count), lo);
    _mm256_maskstore_ps(p + 8, below(count - 8), hi);
  }

  // All bits set in lane i where i < count.
  static __m256i below(int64_t count) {
    const int n = static_cast<int>(count < 0 ? 0 : count > 8 ? 8 : count);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

inline Lanes operator+(Lanes a, Lanes b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline Lanes operator-(Lanes a, Lanes b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline Lanes operator*(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline Lanes operator/(Lanes a, Lanes b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline Lanes max(Lanes a, Lanes b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
inline Lanes min(Lanes a, Lanes b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
inline Lanes first(int64_t count, Lanes a, Lanes b) {
  return {_mm256_blendv_ps(b.lo, a.lo, _mm256_castsi256_ps(Lanes::below(count))),
          _mm256_blendv_ps(b.hi, a.hi, _mm256_castsi256_ps(Lanes::below(count - 8)))};
}
inline Lanes where_positive(Lanes x, Lanes a, Lanes b) {
  const __m256 zero = _mm256_setzero_ps();
  return {_mm256_blendv_ps(b.lo, a.lo, _mm256_cmp_ps(x.lo, zero, _CMP_GT_OQ)),
          _mm256_blendv_ps(b.hi, a.hi, _mm256_cmp_ps(x.hi, zero, _CMP_GT_OQ))};
}
inline __m256 where_above(__m256 x, __m256 y, __m256 a, __m256 b) {
  const __m256 above = _mm256_cmp_ps(x, y, _CMP_GT_OQ), nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
  return _mm256_blendv_ps(b, a, _mm256_or_ps(above, nan));
}
inline Lanes where_above(Lanes x, Lanes y, Lanes a, Lanes b) {
  return {where_above(x.lo, y.lo, a.lo, b.lo), where_above(x.hi, y.hi, a.hi, b.hi)};
}
inline Lanes where_equal(Lanes x, Lanes y, Lanes a, Lanes b) {
  return {_mm256_blendv_ps(b.lo, a.lo, _mm256_cmp_ps(x.lo, y.lo, _CMP_EQ_OQ)),
          _mm256_blendv_ps(b.hi, a.hi, _mm256_cmp_ps(x.hi, y.hi, _CMP_EQ_OQ))};
}
inline __m256 power_of_two(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
inline __m256 scale_by_power(__m256 a, __m256 n) {
  const __m256i whole = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  return _mm256_mul_ps(_mm256_mul_ps(a, power_of_two(half)),
                       power_of_two(_mm256_sub_epi32(whole, half)));
}
inline Lanes scale_by_power(Lanes a, Lanes n) {
  return {scale_by_power(a.lo, n.lo), scale_by_power(a.hi, n.hi)};
}
inline __m256 scale_by_shifted(__m256 a, __m256 shifted) {
  const __m256i biased = _mm256_add_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(127));
  return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23)));
}
inline Lanes scale_by_shifted(Lanes a, Lanes shifted) {
  return {scale_by_shifted(a.lo, shifted.lo), scale_by_shifted(a.hi, shifted.hi)};
}
inline __m256 fold(Lanes a) { return _mm256_add_ps(a.lo, a.hi); }
inline __m256 fold_max(Lanes a) { return _mm256_max_ps(a.lo, a.hi); }

#endif

// The sum of all lanes, as a tree: i and i + 8, then i and i + 4, i + 2, i + 1.
inline float sum(Lanes a) {
  const __m256 eight = fold(a);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

inline float largest(Lanes a) {
  const __m256 eight = fold_max(a);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// e^r for |r| <= ln(2)/2: the Taylor polynomial of degree 7.
inline Lanes exp_small(Lanes r) {
  Lanes y = Lanes::all(1.f / 5040);
  y = fma(y, r, Lanes::all(1.f / 720));
  y = fma(y, r, Lanes::all(1.f / 120));
  y = fma(y, r, Lanes::all(1.f / 24));
  y = fma(y, r, Lanes::all(1.f / 6));
  y = fma(y, r, Lanes::all(0.5f));
  y = fma(y, r, Lanes::all(1.f));
  return fma(y, r, Lanes::all(1.f));
}
// x = n ln 2 + r with |r| <= ln(2)/2: magic + n, whose low bits hold n, and r.
struct Exponent {
  Lanes shifted, n, r;
};
inline Exponent split_exponent(Lanes x) {
  const Lanes magic = Lanes::all(12582912.f);  // 1.5 * 2^23: adding it rounds to a whole number
  const Lanes shifted = fma(x, Lanes::all(1.44269504f), magic), n = shifted - magic;
  const Lanes r = fma(n, Lanes::all(-0.693145752f), x);  // ln 2 in two parts, the first exact in n
  return {shifted, n, fma(n, Lanes::all(-1.42860677e-6f), r)};
}

// e^x within 2 ulp. 0 below -104, infinity above 89, NaN for NaN.
inline Lanes exp(Lanes x) {
  const Exponent e = split_exponent(max(Lanes::all(-104.f), min(Lanes::all(89.f), x)));
  return scale_by_power(exp_small(e.r), e.n);
}
// The same without subnormal results: 0 below -87.7, infinity above 88.1.
inline Lanes exp_normal(Lanes x) {
  const Exponent e = split_exponent(max(Lanes::all(-88.3f), min(Lanes::all(88.9f), x)));
  return scale_by_shifted(exp_small(e.r), e.shifted);
}

// Through e^x, absolute error 1e-7 (a gate's scale).
inline Lanes sigmoid(Lanes x) {
  const Lanes one = Lanes::all(1.f);
  return one / (one + exp_normal(Lanes::zero() - x));
}
// d / (d + 2) with d = e^2|x| - 1 = 2^n (e^r - 1) + (2^n - 1), within 3 ulp; from d = 2 on as
// 1 - 2 / (d + 2), within 1 ulp: what is left to 1 is a gradient's factor.
inline Lanes tanh(Lanes x) {
  const Lanes one = Lanes::all(1.f), two = Lanes::all(2.f), size = max(x, Lanes::zero() - x);
  const Exponent e = split_exponent(min(Lanes::all(40.f), size + size));
  Lanes p = Lanes::all(1.984587643e-4f);  // minimax, of (e^r - 1 - r) / r^2
  p = fma(p, e.r, Lanes::all(1.394061925e-3f));
  p = fma(p, e.r, Lanes::all(8.333389353e-3f));
  p = fma(p, e.r, Lanes::all(4.166636101e-2f));
  p = fma(p, e.r, Lanes::all(1.666666637e-1f));
  p = fma(p, e.r, Lanes::all(0.5f));
  const Lanes small = fma(p * e.r, e.r, e.r), power = scale_by_shifted(one, e.shifted);
  const Lanes d = fma(power, small, power - one), far = d - two;
  const Lanes part = where_positive(far, two, d) / (d + two);
  const Lanes y = where_positive(far, one - part, part);
  return where_positive(x, y, Lanes::zero() - y);
}

// Loops over arrays of any length: body(column, count) for pieces of sixteen columns; count < 16
// for the last.
template <class Body>
inline void for_lanes(int64_t cols, Body&& body) {
  int64_t c = 0;
  for (; c + 16 <= cols; c += 16) body(c, int64_t{16});
  if (c < cols) body(c, cols - c);
}
inline Lanes load(const float* p, int64_t count) {
  return count == 16 ? Lanes::load(p) : Lanes::load_part(p, count);
}
inline void store(Lanes value, float* p, int64_t count) {
  if (count == 16)
    value.store(p);
  else
    value.store_part(p, count);
}

}  // namespace
}  // namespace gradus::kernels

#endif
