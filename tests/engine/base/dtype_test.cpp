// SPDX-License-Identifier: Apache-2.0
#include "engine/base/dtype.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr int tabled = 15;  // all but i4 and u4

// torch.promote_types of PyTorch 2.x, columns in DType's order; "-" where it refuses.
struct Row {
  std::string_view dtype;
  std::string_view with[tabled];
};
constexpr Row promotions[tabled] = {
    {"f64",
     {"f64", "f64", "f64", "f64", "f64", "f64", "f64", "f64", "f64", "f64", "f64", "f64", "f64",
      "-", "-"}},
    {"f32",
     {"f64", "f32", "f32", "f32", "f32", "f32", "f32", "f32", "f32", "f32", "f32", "f32", "f32",
      "-", "-"}},
    {"f16",
     {"f64", "f32", "f16", "f32", "f16", "f16", "f16", "f16", "f16", "f16", "f16", "f16", "f16",
      "-", "-"}},
    {"bf16",
     {"f64", "f32", "f32", "bf16", "bf16", "bf16", "bf16", "bf16", "bf16", "bf16", "bf16", "bf16",
      "bf16", "-", "-"}},
    {"i64",
     {"f64", "f32", "f16", "bf16", "i64", "i64", "i64", "i64", "-", "-", "-", "i64", "i64", "-",
      "-"}},
    {"i32",
     {"f64", "f32", "f16", "bf16", "i64", "i32", "i32", "i32", "-", "-", "-", "i32", "i32", "-",
      "-"}},
    {"i16",
     {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i16", "-", "-", "-", "i16", "i16", "-",
      "-"}},
    {"i8",
     {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "-", "-", "-", "i16", "i8", "-",
      "-"}},
    {"u64", {"f64", "f32", "f16", "bf16", "-", "-", "-", "-", "u64", "-", "-", "-", "-", "-", "-"}},
    {"u32", {"f64", "f32", "f16", "bf16", "-", "-", "-", "-", "-", "u32", "-", "-", "-", "-", "-"}},
    {"u16", {"f64", "f32", "f16", "bf16", "-", "-", "-", "-", "-", "-", "u16", "-", "-", "-", "-"}},
    {"u8",
     {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i16", "-", "-", "-", "u8", "u8", "-",
      "-"}},
    {"bool",
     {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "-", "-", "-", "u8", "bool", "-",
      "-"}},
    {"f8e4m3", {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "f8e4m3", "-"}},
    {"f8e5m2", {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "f8e5m2"}},
};

TEST(DType, promotes_as_pytorch) {
  for (const Row& row : promotions) {
    const DType a = *parse_dtype(row.dtype);
    for (int i = 0; i < tabled; ++i) {
      const DType b = static_cast<DType>(i);
      if (row.with[i] == "-") {
        EXPECT_THROW((void)promote(a, b), Error) << row.dtype << " " << dtype_name(b);
      } else {
        EXPECT_EQ(dtype_name(promote(a, b)), row.with[i]) << row.dtype << " " << dtype_name(b);
      }
    }
  }
}

TEST(DType, names_are_parsed_back) {
  for (int i = 0; i < dtype_count; ++i)
    EXPECT_EQ(parse_dtype(dtype_name(static_cast<DType>(i))), static_cast<DType>(i));
  EXPECT_FALSE(parse_dtype("float32"));
  EXPECT_FALSE(parse_dtype(""));
}

TEST(DType, bytes_round_up_and_do_not_overflow) {
  EXPECT_EQ(dtype_bytes(DType::f64, 3), 24);
  EXPECT_EQ(dtype_bytes(DType::i4, 3), 2);
  EXPECT_EQ(dtype_bytes(DType::u4, 0), 0);
  EXPECT_EQ(dtype_bytes(DType::u8, INT64_MAX / 8), INT64_MAX / 8);
  EXPECT_THROW((void)dtype_bytes(DType::f64, INT64_MAX / 4), Error);
  EXPECT_THROW((void)dtype_bytes(DType::u8, -1), Error);
}

}  // namespace
}  // namespace gradus
