// SPDX-License-Identifier: Apache-2.0
// The formulas of kernels/elementwise.inc in device code, and conversions between stored elements
// and the type that a program computes in.
#pragma once

#include <limits>
#include <type_traits>

#include "kernels/common/convert.h"
#include "kernels/elementwise.h"
#include "kernels/library_math.h"

namespace gradus::kernels {

// What is long is called rather than inlined: the evaluator holds every formula several times.
struct DeviceMath : LibraryMath {
  template <class T>
  DEV_CALL static T pow(T x, T y) {
    return LibraryMath::pow(x, y);
  }
  template <class T>
  DEV_CALL static T round(T x, T decimals) {
    return LibraryMath::round(x, decimals);
  }
  template <class T>
  DEV_CALL static T rounded_divide(T x, T y, T rounding) {
    if constexpr (std::is_integral_v<T>) return y == 0 ? T(0) : whole_divide(x, y, rounding);
    return real_divide(x, y, rounding);
  }
  // As LibraryMath's, but an integer divided by zero gives 0.
  template <class T>
  DEV static T divide(T x, T y, T rounding) {
    if constexpr (std::is_floating_point_v<T>)
      if (rounding == T(0)) return x / y;
    return rounded_divide(x, y, rounding);
  }
};

// A parameter in the compute type; beyond an integer's range it saturates (an open bound is
// infinite).
template <class T>
DEV T pointwise_parameter(double value) {
  if constexpr (std::is_integral_v<T>) {
    constexpr T most = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::min();
    if (value >= 9223372036854775807.0) return most;
    if (value <= -9223372036854775808.0) return least;
  }
  return static_cast<T>(value);
}

template <class T>
inline constexpr bool is_half = std::is_same_v<T, f16> || std::is_same_v<T, bf16>;

// A stored element in the compute type T. Programs in i64 have no floating inputs.
template <class T, class Stored>
DEV T to_compute(Stored value) {
  if constexpr (is_half<Stored>) {
    return static_cast<T>(widen(value));
  } else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<Stored>) {
    return T(0);
  } else {
    return static_cast<T>(value);
  }
}

// Truncates; NaN gives 0; saturates, as the engine's conversions do.
template <class Int, class Float>
DEV Int saturate(Float value) {
  constexpr Float top = static_cast<Float>(uint64_t{1} << std::numeric_limits<Int>::digits);
  constexpr Int most = std::numeric_limits<Int>::max(), least = std::numeric_limits<Int>::min();
  if (value != value) return 0;
  if (value >= top) return most;
  if (value < static_cast<Float>(least)) return least;
  return static_cast<Int>(value);
}

// f64 as a float so that rounding this to 16 bits gives what one rounding would: to odd.
DEV float round_to_odd(double value) {
  const float nearest = static_cast<float>(value);
  const double back = static_cast<double>(nearest);
  if (back == value || value != value || back - back != 0.0) return nearest;
  const bool outward = fabs(back) > fabs(value);
  return __uint_as_float((__float_as_uint(nearest) - (outward ? 1u : 0u)) | 1u);
}

// A computed value as it is stored; bool is told from u8 by `truth`.
template <class Stored, class T>
DEV Stored from_compute(T value, bool truth) {
  if constexpr (is_half<Stored>) {
    if constexpr (std::is_same_v<T, double>) return narrow<Stored>(round_to_odd(value));
    return narrow<Stored>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<Stored, uint8_t>) {
    if (truth) return value != T(0) ? 1 : 0;
    if constexpr (std::is_floating_point_v<T>) return saturate<Stored>(value);
    return static_cast<Stored>(value);
  } else if constexpr (std::is_integral_v<Stored> && std::is_floating_point_v<T>) {
    return saturate<Stored>(value);
  } else {
    return static_cast<Stored>(value);
  }
}

}  // namespace gradus::kernels
