// SPDX-License-Identifier: Apache-2.0
// Conversions between stored elements and what kernels compute in: f64 for f64, else f32.
#pragma once

#include <type_traits>

#include "engine/base/half.h"
#include "kernels/common/cuda.h"

namespace gradus::kernels {

template <class T>
using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;

DEV float widen(float value) { return value; }
DEV double widen(double value) { return value; }
DEV float widen(bf16 value) { return to_float(value); }

#if defined(__CUDACC__)

DEV float widen(f16 value) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
  return wide;
}

// Rounds to nearest, ties to even.
template <class T>
DEV T narrow(Compute<T> value) {
  if constexpr (std::is_same_v<T, bf16>) {
    bf16 result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
  } else if constexpr (std::is_same_v<T, f16>) {
    f16 result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
  } else {
    return value;
  }
}

// The nearest tf32 value, ties away from zero, as the bits of a float.
DEV uint32_t to_tf32(float value) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

#else

DEV float widen(f16 value) { return to_float(value); }

template <class T>
DEV T narrow(Compute<T> value) {
  if constexpr (std::is_same_v<T, bf16>) {
    return to_bf16(value);
  } else if constexpr (std::is_same_v<T, f16>) {
    return to_f16(value);
  } else {
    return value;
  }
}

DEV uint32_t to_tf32(float value) {
  const uint32_t bits = __float_as_uint(value);
  const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
  return (finite ? bits + 0x1000u : bits) & 0xffffe000u;
}

#endif

}  // namespace gradus::kernels
