// SPDX-License-Identifier: Apache-2.0
#include "engine/base/dtype.h"

#include <array>

#include "engine/base/error.h"

namespace gradus {
namespace {

struct Row {
  std::string_view name;
  int bits;
};

constexpr std::array<Row, dtype_count> rows{{{"f64", 64},
                                             {"f32", 32},
                                             {"f16", 16},
                                             {"bf16", 16},
                                             {"i64", 64},
                                             {"i32", 32},
                                             {"i16", 16},
                                             {"i8", 8},
                                             {"u64", 64},
                                             {"u32", 32},
                                             {"u16", 16},
                                             {"u8", 8},
                                             {"bool", 8},
                                             {"f8e4m3", 8},
                                             {"f8e5m2", 8},
                                             {"i4", 4},
                                             {"u4", 4}}};

const Row& row(DType dtype) { return rows[static_cast<size_t>(dtype)]; }

bool is_signed_integer(DType dtype) {
  return dtype == DType::i64 || dtype == DType::i32 || dtype == DType::i16 || dtype == DType::i8;
}

}  // namespace

std::string_view dtype_name(DType dtype) { return row(dtype).name; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (int i = 0; i < dtype_count; ++i)
    if (rows[static_cast<size_t>(i)].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

int dtype_bits(DType dtype) { return row(dtype).bits; }

int64_t dtype_bytes(DType dtype, int64_t count) {
  int64_t bits = 0;
  GRADUS_CHECK(count >= 0 && !__builtin_mul_overflow(count, dtype_bits(dtype), &bits) &&
                   bits <= INT64_MAX - 7,
               "a tensor of {} elements of {} is too large", count, dtype_name(dtype));
  return (bits + 7) / 8;
}

bool is_floating(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || is_reduced_float(dtype);
}

bool is_integral(DType dtype) { return !is_floating(dtype) && dtype != DType::bool_; }

bool is_reduced_float(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f8e4m3 ||
         dtype == DType::f8e5m2;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  const auto refuse = [&] {
    failf(ErrorKind::invalid_argument, "", "no common type of {} and {}: cast one of them",
          dtype_name(a), dtype_name(b));
  };
  const auto mixes = [](DType type) {
    return is_floating(type) ? dtype_bits(type) > 8
                             : type == DType::bool_ || type == DType::u8 || is_signed_integer(type);
  };
  if (is_floating(a) != is_floating(b)) {
    const DType floating = is_floating(a) ? a : b;
    if (dtype_bits(floating) == 8) refuse();
    return floating;
  }
  if (!mixes(a) || !mixes(b)) refuse();
  if (a == DType::bool_) return b;
  if (b == DType::bool_) return a;
  if (is_floating(a)) {
    if (dtype_bits(a) == 16 && dtype_bits(b) == 16) return DType::f32;
    return dtype_bits(a) > dtype_bits(b) ? a : b;
  }
  if (is_signed_integer(a) && is_signed_integer(b)) return dtype_bits(a) > dtype_bits(b) ? a : b;
  // u8 with a signed type: the signed type if wider, else i16. Wider unsigned types do not mix.
  const DType other = a == DType::u8 ? b : a;
  return dtype_bits(other) > 8 ? other : DType::i16;
}

}  // namespace gradus
