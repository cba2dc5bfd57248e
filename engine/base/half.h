// SPDX-License-Identifier: Apache-2.0
// The 16- and 8-bit floating types as stored bits, with exact conversions. Computation happens in
// f32. Rounding is to nearest, ties to even; NaN stays NaN (quiet); subnormals are kept. Usable in
// device code.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define GRADUS_HD __host__ __device__ __forceinline__
#elif defined(GRADUS_SIM_KERNEL)  // the simulator's access hooks need device helpers inlined
#define GRADUS_HD inline __attribute__((always_inline))
#else
#define GRADUS_HD inline
#endif

namespace gradus {

struct f16 {  // IEEE binary16
  uint16_t bits;
};
struct bf16 {  // the upper half of an IEEE binary32
  uint16_t bits;
};
struct f8e4m3 {  // OCP 8-bit, 4 exponent bits, no infinity, NaN = S.1111.111, largest 448
  uint8_t bits;
};
struct f8e5m2 {  // OCP 8-bit, 5 exponent bits, infinities as in IEEE, largest 57344
  uint8_t bits;
};

namespace detail {

GRADUS_HD uint32_t float_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

GRADUS_HD float bits_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Rounds a finite float's magnitude to `mantissa` explicit bits with exponent bias `bias`,
// subnormals included. Returns exponent and mantissa packed; the result may overflow into whatever
// lies above the largest exponent.
GRADUS_HD uint32_t round_magnitude(uint32_t magnitude, int mantissa, int bias) {
  const int drop = 23 - mantissa;
  const int exponent = static_cast<int>(magnitude >> 23) - 127 + bias;
  if (exponent >= 1) {
    const uint32_t rebased = magnitude - (static_cast<uint32_t>(127 - bias) << 23);
    const uint32_t odd = (rebased >> drop) & 1u;
    return (rebased + ((1u << (drop - 1)) - 1u) + odd) >> drop;
  }
  const int shift =
      drop + 1 - exponent;  // subnormal in the target: align to the fixed smallest exponent
  if (shift > 24 || (magnitude >> 23) == 0) return 0;
  const uint32_t full = (magnitude & 0x7fffffu) | 0x800000u;
  const uint32_t quotient = full >> shift;
  const uint32_t rest = full & ((1u << shift) - 1u);
  const uint32_t half = 1u << (shift - 1);
  return quotient + ((rest > half || (rest == half && (quotient & 1u))) ? 1u : 0u);
}

// The float whose target-format magnitude is `packed`.
GRADUS_HD float expand_magnitude(uint32_t packed, int mantissa, int bias) {
  const uint32_t exponent = packed >> mantissa;
  const uint32_t fraction = packed & ((1u << mantissa) - 1u);
  if (exponent != 0)
    return bits_float(((exponent + static_cast<uint32_t>(127 - bias)) << 23) |
                      (fraction << (23 - mantissa)));
  const float unit = bits_float(static_cast<uint32_t>(127 + 1 - bias - mantissa) << 23);
  return static_cast<float>(fraction) * unit;
}

}  // namespace detail

GRADUS_HD float to_float(bf16 value) {
  return detail::bits_float(static_cast<uint32_t>(value.bits) << 16);
}

GRADUS_HD bf16 to_bf16(float value) {
  const uint32_t bits = detail::float_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

GRADUS_HD float to_float(f16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000u) << 16;
  const uint32_t magnitude = value.bits & 0x7fffu;
  if (magnitude >= 0x7c00u)
    return detail::bits_float(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  return detail::bits_float(sign | detail::float_bits(detail::expand_magnitude(magnitude, 10, 15)));
}

GRADUS_HD f16 to_f16(float value) {
  const uint32_t bits = detail::float_bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return {static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu))};
  if (magnitude >= 0x47800000u) return {static_cast<uint16_t>(sign | 0x7c00u)};  // 65536 and above
  return {static_cast<uint16_t>(sign | detail::round_magnitude(magnitude, 10, 15))};
}

GRADUS_HD float to_float(f8e4m3 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x80u) << 24;
  const uint32_t magnitude = value.bits & 0x7fu;
  if (magnitude == 0x7fu) return detail::bits_float(sign | 0x7fc00000u);
  return detail::bits_float(sign | detail::float_bits(detail::expand_magnitude(magnitude, 3, 7)));
}

// Overflow and infinity become NaN, as PyTorch's float8_e4m3fn does.
GRADUS_HD f8e4m3 to_f8e4m3(float value) {
  const uint32_t bits = detail::float_bits(value);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x43f00000u) return {static_cast<uint8_t>(sign | 0x7fu)};  // 480 and above
  const uint32_t packed = detail::round_magnitude(magnitude, 3, 7);
  return {static_cast<uint8_t>(sign | (packed > 0x7fu ? 0x7fu : packed))};
}

GRADUS_HD float to_float(f8e5m2 value) {
  return to_float(f16{static_cast<uint16_t>(value.bits << 8)});
}

GRADUS_HD f8e5m2 to_f8e5m2(float value) {
  const uint32_t bits = detail::float_bits(value);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<uint8_t>(sign | 0x7fu)};
  if (magnitude >= 0x47800000u) return {static_cast<uint8_t>(sign | 0x7cu)};
  return {static_cast<uint8_t>(sign | detail::round_magnitude(magnitude, 2, 15))};
}

}  // namespace gradus
