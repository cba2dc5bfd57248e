// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gradus {

enum class DType : uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  bool_,
  f8e4m3,
  f8e5m2,
  i4,
  u4,
};
inline constexpr int dtype_count = 17;

// "f32", "bool", ...: the names used in recipes, messages and `gradus op list`.
std::string_view dtype_name(DType dtype);
std::optional<DType> parse_dtype(std::string_view name);

// i4 and u4 are packed two to a byte, the first in the low half.
int dtype_bits(DType dtype);
// Bytes that `count` elements take, rounded up. Throws where the size does not fit 63 bits.
int64_t dtype_bytes(DType dtype, int64_t count);

bool is_floating(DType dtype);  // f64 f32 f16 bf16 and the 8-bit floats
bool is_integral(DType dtype);  // signed and unsigned, without bool
// Floats narrower than f32: stored, and computed in f32.
bool is_reduced_float(DType dtype);

// The dtype of a binary operation between two tensors of at least one dimension, as PyTorch's
// promote_types. Throws for pairs PyTorch refuses (8-bit floats with anything else, u16/u32/u64
// with signed).
DType promote(DType a, DType b);

}  // namespace gradus
