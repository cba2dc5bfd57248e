// SPDX-License-Identifier: Apache-2.0
// What sums and products accumulate in: f64 for floats, unsigned 64 bits for integers, which wrap
// as they do in PyTorch without the undefined overflow of signed ones.
#pragma once

#include <cstdint>
#include <type_traits>

namespace gradus::kernels {

// As the engine's conversions: truncates, NaN gives 0, saturates.
inline uint64_t truncated(double value) {
  if (value != value) return 0;
  if (value >= 9223372036854775808.0) return static_cast<uint64_t>(INT64_MAX);
  if (value <= -9223372036854775808.0) return static_cast<uint64_t>(INT64_MIN);
  return static_cast<uint64_t>(static_cast<int64_t>(value));
}

// `value` in the accumulator A = double or uint64_t.
template <class A, class T>
A widened(T value) {
  if constexpr (std::is_floating_point_v<T> && std::is_integral_v<A>)
    return truncated(value);
  else
    return static_cast<A>(value);
}

// The accumulated value as a number: integers are signed again.
inline double settled(double value) { return value; }
inline int64_t settled(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace gradus::kernels
