// SPDX-License-Identifier: Apache-2.0
// The library's math for the expressions of kernels/elementwise.inc, C's on the host and CUDA's on
// a GPU; overloads for int64_t where an op takes integers.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "engine/base/error.h"
#include "engine/base/half.h"

namespace gradus::kernels {

struct LibraryMath {
#define GRADUS_MATH1(name)       \
  template <class T>             \
  GRADUS_HD static T name(T x) { \
    return std::name(x);         \
  }
  GRADUS_MATH1(acos)
  GRADUS_MATH1(asin)
  GRADUS_MATH1(atan)
  GRADUS_MATH1(cos)
  GRADUS_MATH1(cosh)
  GRADUS_MATH1(erf)
  GRADUS_MATH1(exp)
  GRADUS_MATH1(expm1)
  GRADUS_MATH1(log)
  GRADUS_MATH1(log1p)
  GRADUS_MATH1(sin)
  GRADUS_MATH1(sinh)
  GRADUS_MATH1(sqrt)
  GRADUS_MATH1(tan)
  GRADUS_MATH1(tanh)
#undef GRADUS_MATH1

  template <class T>
  GRADUS_HD static T ceil(T x) {
    if constexpr (std::is_integral_v<T>)
      return x;
    else
      return std::ceil(x);
  }
  template <class T>
  GRADUS_HD static T floor(T x) {
    if constexpr (std::is_integral_v<T>)
      return x;
    else
      return std::floor(x);
  }
  template <class T>
  GRADUS_HD static T trunc(T x) {
    if constexpr (std::is_integral_v<T>)
      return x;
    else
      return std::trunc(x);
  }
  // Ties to even. Negative decimals round to tens, hundreds, ...
  template <class T>
  GRADUS_HD static T round(T x, T decimals) {
    if constexpr (std::is_integral_v<T>) {
      return x;
    } else {
      if (decimals == T(0)) return std::nearbyint(x);
      const T scale = std::pow(T(10), std::fabs(decimals));
      return decimals > T(0) ? std::nearbyint(x * scale) / scale
                             : std::nearbyint(x / scale) * scale;
    }
  }
  // NaN where x or a bound is.
  template <class T>
  GRADUS_HD static T clamp(T x, T lo, T hi) {
    const T above = x < lo || lo != lo ? lo : x;
    return above > hi || hi != hi ? hi : above;
  }
  // Stable on both sides: never exponentiates a positive number.
  template <class T>
  GRADUS_HD static T sigmoid(T x) {
    const T e = std::exp(-std::fabs(x));
    return (x >= T(0) ? T(1) : e) / (T(1) + e);
  }
  template <class T>
  GRADUS_HD static T softplus(T x) {
    return (x > T(0) ? x : T(0)) + std::log1p(std::exp(-std::fabs(x)));
  }
  template <class T>
  GRADUS_HD static T gelu(T x) {
    return T(0.5) * x * std::erfc(-x * T(0.70710678118654752));
  }
  template <class T>
  GRADUS_HD static T gelu_tanh(T x) {
    return T(0.5) * x * (T(1) + std::tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x * x)));
  }
  // Derivatives of the two. Far out, where they are 0 or 1, x stands still, so that nothing that
  // overflows meets a zero; of an infinite x they are NaN, as in PyTorch.
  template <class T>
  GRADUS_HD static T gelu_slope(T x) {
    const T a = clamp(x, T(-40), T(40));
    const T density = T(0.39894228040143268) * std::exp(T(-0.5) * a * a);
    return T(0.5) * std::erfc(-a * T(0.70710678118654752)) + a * density + (x - x);
  }
  template <class T>
  GRADUS_HD static T gelu_tanh_slope(T x) {
    const T a = clamp(x, T(-40), T(40));
    const T c = T(0.79788456080286536), square = a * a;
    const T u = c * (a + T(0.044715) * square * a);
    const T s = sigmoid(T(2) * u), rest = sigmoid(T(-2) * u);
    return s + a * (s * rest) * (T(2) * c * (T(1) + T(0.134145) * square)) + (x - x);
  }
  template <class T>
  GRADUS_HD static T atan2(T x, T y) {
    return std::atan2(x, y);
  }
  template <class T>
  GRADUS_HD static T pow(T x, T y) {
    if constexpr (!std::is_integral_v<T>) {
      return std::pow(x, y);
    } else {
      if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
      uint64_t result = 1, base = static_cast<uint64_t>(x);
      for (uint64_t n = static_cast<uint64_t>(y); n != 0; n >>= 1, base *= base)
        if (n & 1u) result *= base;
      return static_cast<T>(result);
    }
  }
  // rounding 0: true division; 1: toward zero; 2: toward minus infinity. Throws where an integer is
  // divided by zero.
  template <class T>
  static T divide(T x, T y, T rounding) {
    if constexpr (std::is_integral_v<T>) {
      GRADUS_CHECK(y != 0, "[div] an integer divided by zero");
      return whole_divide(x, y, rounding);
    } else {
      return real_divide(x, y, rounding);
    }
  }

  // Of integers, y not 0; of floats.
  template <class T>
  GRADUS_HD static T whole_divide(T x, T y, T rounding) {
    if (y == -1) return static_cast<T>(-static_cast<uint64_t>(x));
    const T quotient = x / y;
    return rounding == 2 && x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient;
  }
  template <class T>
  GRADUS_HD static T real_divide(T x, T y, T rounding) {
    if (rounding == T(0)) return x / y;
    if (rounding == T(1)) return std::trunc(x / y);
    return floor_divide(x, y);
  }

 private:
  // Python's floor division: exact where x / y would round up to a whole number.
  template <class T>
  GRADUS_HD static T floor_divide(T x, T y) {
    if (y == T(0)) return x / y;
    const T remainder = std::fmod(x, y);
    T quotient = (x - remainder) / y;
    if (remainder != T(0) && (y < T(0)) != (remainder < T(0))) quotient -= T(1);
    if (quotient == T(0)) return std::copysign(T(0), x / y);
    const T floored = std::floor(quotient);
    return quotient - floored > T(0.5) ? floored + T(1) : floored;
  }
};

}  // namespace gradus::kernels
