// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <type_traits>

#include "engine/base/dispatch.h"
#include "engine/tensor/tensor.h"

namespace gradus {
namespace {

template <class T>
constexpr bool is_stored_float = std::is_same_v<T, f16> || std::is_same_v<T, bf16> ||
                                 std::is_same_v<T, f8e4m3> || std::is_same_v<T, f8e5m2>;

template <class T>
auto widen(T value) {
  if constexpr (is_stored_float<T>) {
    return to_float(value);
  } else {
    return value;
  }
}

// Rounds a double to float so that a second rounding to a 16- or 8-bit type gives what one rounding
// would: to odd.
float round_to_odd(double value) {
  const float nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || std::isnan(value) || std::isinf(nearest))
    return nearest;
  const float toward_zero = std::fabs(static_cast<double>(nearest)) > std::fabs(value)
                                ? std::nextafterf(nearest, 0.0f)
                                : nearest;
  return detail::bits_float(detail::float_bits(toward_zero) | 1u);
}

// A number as a double for the rounding above: an integer beyond 2^53 may lose bits below 2^12, of
// which a mark at 2^11 stays.
template <class T>
double mark_lost_bits(T value) {
  if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
    constexpr T exact = T(1) << 53, low = (T(1) << 12) - 1;
    const bool fits = value <= exact && (!std::is_signed_v<T> || value >= -exact);
    if (!fits && (value & low) != 0) return static_cast<double>((value & ~low) | T(1) << 11);
  }
  return static_cast<double>(value);
}

template <class Int, class Float>
Int saturate(Float value) {
  if (!(value == value)) return 0;
  // 2^bits as a float is exact, the largest integer may not be.
  const Float top = std::ldexp(Float(1), std::numeric_limits<Int>::digits);
  if (value >= top) return std::numeric_limits<Int>::max();
  if (value < static_cast<Float>(std::numeric_limits<Int>::min()))
    return std::numeric_limits<Int>::min();
  return static_cast<Int>(value);
}

template <class To, class From>
To convert_one(From value) {
  const auto wide = widen(value);
  using Wide = std::remove_const_t<decltype(wide)>;
  if constexpr (is_stored_float<To>) {
    float single;
    if constexpr (std::is_same_v<Wide, float>) {
      single = wide;
    } else {
      single = round_to_odd(mark_lost_bits(wide));
    }
    if constexpr (std::is_same_v<To, f16>) return to_f16(single);
    if constexpr (std::is_same_v<To, bf16>) return to_bf16(single);
    if constexpr (std::is_same_v<To, f8e4m3>) return to_f8e4m3(single);
    if constexpr (std::is_same_v<To, f8e5m2>) return to_f8e5m2(single);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<Wide>) {
    return saturate<To>(wide);
  } else {
    return static_cast<To>(wide);
  }
}

}  // namespace

void convert(DType from_type, const void* from, DType to_type, void* to, int64_t count) {
  dispatch_stored(from_type, [&](auto from_tag) {
    using From = typename decltype(from_tag)::type;
    const From* source = static_cast<const From*>(from);
    if (to_type == DType::bool_) {
      uint8_t* target = static_cast<uint8_t*>(to);
      for (int64_t i = 0; i < count; ++i) target[i] = widen(source[i]) != 0;
      return;
    }
    dispatch_stored(to_type, [&](auto to_tag) {
      using To = typename decltype(to_tag)::type;
      To* target = static_cast<To*>(to);
      for (int64_t i = 0; i < count; ++i) target[i] = convert_one<To>(source[i]);
    });
  });
}

}  // namespace gradus
