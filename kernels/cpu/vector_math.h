// SPDX-License-Identifier: Apache-2.0
// f32 math for the expressions of kernels/elementwise.inc, without branches or calls, so that loops
// over it vectorise; the same operations in every lane and in scalar tails give the same bits.
// Errors are below 3 ulp of the result unless said otherwise. For files named *_avx2.cpp and
// *_avx512.cpp only (products are fused); every function is forced inline, because the same
// function compiled for two instruction sets must never be merged. A function of LibraryMath that
// is missing here leaves its ops to the reference.
#pragma once

#include <cstdint>

namespace gradus::kernels {

#define GRADUS_VECTOR_FUNCTION [[gnu::always_inline]] static inline

struct VectorMath {
  using T = float;

  GRADUS_VECTOR_FUNCTION T fma(T a, T b, T c) { return __builtin_fmaf(a, b, c); }
  GRADUS_VECTOR_FUNCTION T magnitude(T x) { return __builtin_fabsf(x); }
  GRADUS_VECTOR_FUNCTION uint32_t bits(T x) { return __builtin_bit_cast(uint32_t, x); }
  GRADUS_VECTOR_FUNCTION T from_bits(uint32_t x) { return __builtin_bit_cast(T, x); }
  // Adding it rounds to a whole number, which then stands in the low bits.
  static constexpr T magic = 12582912.f;  // 1.5 * 2^23

  GRADUS_VECTOR_FUNCTION T ceil(T x) { return __builtin_ceilf(x); }
  GRADUS_VECTOR_FUNCTION T floor(T x) { return __builtin_floorf(x); }
  GRADUS_VECTOR_FUNCTION T trunc(T x) { return __builtin_truncf(x); }
  GRADUS_VECTOR_FUNCTION T sqrt(T x) { return __builtin_sqrtf(x); }
  // To whole numbers, and true division: the tables ask for no other rounding.
  GRADUS_VECTOR_FUNCTION T round(T x, T) { return __builtin_nearbyintf(x); }
  GRADUS_VECTOR_FUNCTION T divide(T x, T y, T) { return x / y; }
  GRADUS_VECTOR_FUNCTION T clamp(T x, T lo, T hi) {
    const T above = (x < lo) | (lo != lo) ? lo : x;
    return (above > hi) | (hi != hi) ? hi : above;
  }

  // x = n ln 2 + r, |r| <= ln(2)/2; the rounded sum of x / ln 2 and magic carries n in its bits.
  struct Reduced {
    T r;
    int32_t n;
  };
  GRADUS_VECTOR_FUNCTION Reduced reduce(T x) {
    const T rounded = fma(x, 1.44269504f, magic);
    const T n = rounded - magic;
    // ln 2 in two parts, the first exact in n.
    const T r = fma(n, -1.42860677e-6f, fma(n, -0.693145752f, x));
    return {r, static_cast<int32_t>(bits(rounded) - bits(magic))};
  }
  // e^r - 1 for |r| <= ln(2)/2: minimax.
  GRADUS_VECTOR_FUNCTION T expm1_small(T r) {
    T p = 1.984587643e-4f;
    p = fma(p, r, 1.394061925e-3f);
    p = fma(p, r, 8.333389353e-3f);
    p = fma(p, r, 4.166636101e-2f);
    p = fma(p, r, 1.666666637e-1f);
    p = fma(p, r, 0.5f);
    return fma(p * r, r, r);
  }
  GRADUS_VECTOR_FUNCTION T power_of_two(int32_t n) {
    return from_bits(static_cast<uint32_t>(n + 127) << 23);
  }
  // Two steps, so that subnormal results and the largest are met.
  GRADUS_VECTOR_FUNCTION T scale(T x, int32_t n) {
    const int32_t half = n >> 1;
    return x * power_of_two(half) * power_of_two(n - half);
  }

  GRADUS_VECTOR_FUNCTION T exp(T x) {
    const Reduced e = reduce(clamp(x, -104.f, 89.f));
    return scale(1.f + expm1_small(e.r), e.n);
  }
  GRADUS_VECTOR_FUNCTION T expm1(T x) {
    const Reduced e = reduce(clamp(x, -104.f, 88.f));
    const T power = power_of_two(e.n < -30 ? -30 : e.n);
    const T moderate = fma(power, expm1_small(e.r), power - 1.f);
    return x > 88.f ? exp(x) : moderate;
  }

  // x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(1 + f) = f - f^2/2 + s (f^2/2 + R),
  // with s = f / (2 + f) and R = s^2 (2/3 + 2/5 s^2 + ...): the series of 2 artanh(s), minimax.
  GRADUS_VECTOR_FUNCTION T log(T x) {
    const bool tiny = x < 1.17549435e-38f;
    const uint32_t word = bits(tiny ? x * 8388608.f : x) - 0x3f3504f3u;
    const int32_t k = (static_cast<int32_t>(word) >> 23) - (tiny ? 23 : 0);
    const T f = from_bits((word & 0x7fffffu) + 0x3f3504f3u) - 1.f;
    const T s = f / (2.f + f), z = s * s, n = static_cast<T>(k), half = 0.5f * f * f;
    T p = 2.333276579e-1f;
    p = fma(p, z, 2.855072301e-1f);
    p = fma(p, z, 4.000012288e-1f);
    p = fma(p, z, 6.666666655e-1f);
    const T tail = fma(s, fma(z, p, half), n * 1.42860677e-6f) - half;
    const T finite = fma(n, 0.693145752f, tail + f);
    const T positive = x > 3.40282347e38f ? x : finite;
    const T special = x == 0.f ? -__builtin_inff() : __builtin_nanf("");
    return x > 0.f ? positive : special;
  }
  // log(1 + x), plus what rounding 1 + x left out.
  GRADUS_VECTOR_FUNCTION T log1p(T x) {
    const T u = 1.f + x;
    const T rest = (x - (u - 1.f)) / u;
    return log(u) + (u > 0.f && u < 1e8f ? rest : 0.f);
  }

  GRADUS_VECTOR_FUNCTION T sigmoid(T x) { return 1.f / (1.f + exp(-x)); }
  GRADUS_VECTOR_FUNCTION T softplus(T x) { return (x > 0.f ? x : 0.f) + log1p(exp(-magnitude(x))); }
  // Near 1 by what is left to it, which is a gradient's factor.
  GRADUS_VECTOR_FUNCTION T tanh(T x) {
    const T a = magnitude(x);
    const T e = expm1(2.f * (a > 20.f ? 20.f : a));
    const T part = (e < 2.f ? e : 2.f) / (e + 2.f);
    return __builtin_copysignf(e < 2.f ? part : 1.f - part, x);
  }

  // erfc(a) for a >= 0: t = 1 / (1 + 0.4 a), exp(-a^2) * t * P(t), the square taken with its
  // rounding error.
  GRADUS_VECTOR_FUNCTION T erfc_positive(T x) {
    const T a = x > 11.f ? 11.f : x;
    const T square = a * a, rest = fma(a, a, -square);
    const T t = 1.f / fma(0.4f, a, 1.f);
    T p = -1.925171013e-2f;
    p = fma(p, t, 8.276142122e-2f);
    p = fma(p, t, -8.948142950e-2f);
    p = fma(p, t, -7.484963661e-2f);
    p = fma(p, t, 1.491458209e-1f);
    p = fma(p, t, -3.574793538e-2f);
    p = fma(p, t, 1.678133947e-1f);
    p = fma(p, t, 1.586343948e-1f);
    p = fma(p, t, 2.098275288e-1f);
    p = fma(p, t, 2.254635285e-1f);
    p = fma(p, t, 2.256846207e-1f);
    const T e = exp(-square);
    return fma(-e, rest, e) * (t * p);
  }
  // For |x| < 1: minimax in x^2.
  GRADUS_VECTOR_FUNCTION T erf_small(T x) {
    const T z = x * x;
    T p = -9.680137060e-6f;
    p = fma(p, z, 1.127054471e-4f);
    p = fma(p, z, -8.484711479e-4f);
    p = fma(p, z, 5.221074880e-3f);
    p = fma(p, z, -2.686544582e-2f);
    p = fma(p, z, 1.128378275e-1f);
    p = fma(p, z, -3.761263848e-1f);
    p = fma(p, z, 1.28379167e-1f);  // 2 / sqrt(pi) - 1
    return fma(p, x, x);
  }
  GRADUS_VECTOR_FUNCTION T erf(T x) {
    const T a = magnitude(x);
    const T large = __builtin_copysignf(1.f - erfc_positive(a), x);
    return a < 1.f ? erf_small(x) : large;
  }
  // The normal distribution; through erfc in the left tail, which keeps its relative accuracy
  // there.
  GRADUS_VECTOR_FUNCTION T normal_cdf(T x) {
    const T z = x * 0.70710678f;
    const T tail = 0.5f * erfc_positive(magnitude(z));
    const T outside = x < 0.f ? tail : 1.f - tail;
    const T middle = fma(0.5f, erf_small(z), 0.5f);
    return z > -0.708f && z < 1.f ? middle : outside;
  }
  GRADUS_VECTOR_FUNCTION T gelu(T x) { return x * normal_cdf(x); }
  // Phi(x) + x phi(x), the square taken with its rounding error; beyond 14 it is 0 or 1, of an
  // infinite x NaN.
  GRADUS_VECTOR_FUNCTION T gelu_slope(T x) {
    const T a = clamp(x, -14.f, 14.f);
    const T square = a * a, rest = fma(a, a, -square);
    const T e = exp(-0.5f * square);
    return fma(a, 0.39894228f * fma(-0.5f * rest, e, e), normal_cdf(a) + (x - x));
  }
  // 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2u))
  GRADUS_VECTOR_FUNCTION T gelu_tanh(T x) {
    const T u = 0.79788456f * fma(0.044715f * x * x, x, x);
    return x / (1.f + exp(-2.f * u));
  }
  // s + x s (1 - s) 2 u' with s = 1 / (1 + exp(-2u)); beyond 14 it is 0 or 1, of an infinite x NaN.
  GRADUS_VECTOR_FUNCTION T gelu_tanh_slope(T x) {
    const T a = clamp(x, -14.f, 14.f);
    const T square = a * a;
    const T u = 0.79788456f * fma(0.044715f * square, a, a);
    const T e = exp(-2.f * u), s = 1.f / (1.f + e);
    const T rest = a > 0.f ? e * s : 1.f - s;
    return fma(a * (s * rest), fma(0.21406530f, square, 1.59576912f), s + (x - x));
  }

  // Of |x| <= trigonometric_limit: x = n pi/2 + r, |r| <= pi/4, pi/2 in three parts.
  static constexpr T trigonometric_limit = 16384.f;
  struct Quadrant {
    T r;
    uint32_t n;
  };
  GRADUS_VECTOR_FUNCTION Quadrant quadrant(T x) {
    const T rounded = fma(x, 0.636619772f, magic);
    const T n = rounded - magic;
    T r = fma(n, -1.57079637f, x);
    r = fma(n, 4.37113883e-8f, r);
    r = fma(n, 1.71512451e-15f, r);
    return {r, bits(rounded)};
  }
  GRADUS_VECTOR_FUNCTION T sine_or_cosine(Quadrant q) {
    const T z = q.r * q.r;
    T s = 2.724939004e-6f;
    s = fma(s, z, -1.984008272e-4f);
    s = fma(s, z, 8.333331868e-3f);
    s = fma(s, z, -1.666666666e-1f);
    s = fma(s * z, q.r, q.r);
    T c = -2.730050266e-7f;
    c = fma(c, z, 2.480059694e-5f);
    c = fma(c, z, -1.388888767e-3f);
    c = fma(c, z, 4.166666666e-2f);
    c = fma(c * z, z, fma(-0.5f, z, 1.f));
    return from_bits(bits((q.n & 1u) ? c : s) ^ ((q.n & 2u) << 30));
  }
  GRADUS_VECTOR_FUNCTION T sin(T x) { return sine_or_cosine(quadrant(x)); }
  GRADUS_VECTOR_FUNCTION T cos(T x) {
    const Quadrant q = quadrant(x);
    return sine_or_cosine({q.r, q.n + 1u});
  }
};

#undef GRADUS_VECTOR_FUNCTION

}  // namespace gradus::kernels
