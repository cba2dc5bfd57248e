// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/base/error.h"
#include "engine/tensor/tensor.h"

namespace gradus {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class To>
To converted(DType from, double value, DType to) {
  const Tensor source = Tensor::full(from, {}, value);
  To result{};
  convert(from, source.data(), to, &result, 1);
  return result;
}

TEST(Convert, float_to_integer_truncates_and_saturates) {
  for (DType from : {DType::f64, DType::f32}) {
    EXPECT_EQ(converted<int32_t>(from, 2.9, DType::i32), 2);
    EXPECT_EQ(converted<int32_t>(from, -2.9, DType::i32), -2);
    EXPECT_EQ(converted<int32_t>(from, 1e30, DType::i32), INT32_MAX);
    EXPECT_EQ(converted<int32_t>(from, -1e30, DType::i32), INT32_MIN);
    EXPECT_EQ(converted<int64_t>(from, 0x1p63, DType::i64), INT64_MAX);
    EXPECT_EQ(converted<int64_t>(from, -0x1p63, DType::i64), INT64_MIN);
    EXPECT_EQ(converted<int64_t>(from, infinity, DType::i64), INT64_MAX);
    EXPECT_EQ(converted<int64_t>(from, std::nan(""), DType::i64), 0);
    EXPECT_EQ(converted<uint8_t>(from, -1, DType::u8), 0);
    EXPECT_EQ(converted<uint8_t>(from, 256, DType::u8), 255);
    EXPECT_EQ(converted<uint64_t>(from, 0x1p64, DType::u64), UINT64_MAX);
  }
}

TEST(Convert, anything_to_bool_asks_whether_it_is_zero) {
  EXPECT_EQ(converted<uint8_t>(DType::f32, 0.25, DType::bool_), 1);
  EXPECT_EQ(converted<uint8_t>(DType::f32, -0.0, DType::bool_), 0);
  EXPECT_EQ(converted<uint8_t>(DType::f64, std::nan(""), DType::bool_), 1);
  EXPECT_EQ(converted<uint8_t>(DType::i64, 256, DType::bool_), 1);
  EXPECT_EQ(converted<uint8_t>(DType::f16, 0x1p-24, DType::bool_), 1);
}

// Rounding f64 to f32 first would lose on which side of the middle the value lies.
TEST(Convert, double_to_a_narrow_float_rounds_once) {
  const double above_middle = 1 + 0x1p-11 + 0x1p-40;  // f16: above the middle of 1 and 1 + 2^-10
  EXPECT_EQ(converted<uint16_t>(DType::f64, above_middle, DType::f16), 0x3c01);
  EXPECT_EQ(converted<uint16_t>(DType::f64, 1 + 0x1p-11, DType::f16), 0x3c00);
  EXPECT_EQ(converted<uint16_t>(DType::f64, 1 + 0x1p-8 + 0x1p-40, DType::bf16), 0x3f81);
  EXPECT_EQ(converted<uint16_t>(DType::f64, 1 + 0x1p-8, DType::bf16), 0x3f80);
  // Below f32's smallest number, and beyond its largest.
  EXPECT_EQ(converted<uint16_t>(DType::f64, 1e-300, DType::f16), 0);
  EXPECT_EQ(converted<uint16_t>(DType::f64, 1e300, DType::f16), 0x7c00);
  EXPECT_EQ(converted<uint16_t>(DType::f64, -1e300, DType::bf16), 0xff80);
}

TEST(Convert, large_integers_to_a_narrow_float_round_once) {
  const int64_t value = (int64_t{1} << 62) + (int64_t{1} << 54) + (int64_t{1} << 10);
  uint16_t result = 0;  // value is just above the middle of two bf16 neighbours
  convert(DType::i64, &value, DType::bf16, &result, 1);
  EXPECT_EQ(result, 0x5e81);  // 2^62 * (1 + 2^-7)
}

TEST(Convert, integers_wrap_as_in_cpp) {
  EXPECT_EQ(converted<uint8_t>(DType::i32, 257, DType::u8), 1);
  EXPECT_EQ(converted<int8_t>(DType::i32, 128, DType::i8), -128);
}

TEST(Convert, packed_types_are_refused) {
  uint8_t byte = 0;
  float value = 0;
  EXPECT_THROW(convert(DType::i4, &byte, DType::f32, &value, 1), Error);
  EXPECT_THROW(convert(DType::f32, &value, DType::u4, &byte, 1), Error);
}

TEST(Tensor, views_share_memory_and_keep_the_count) {
  const Tensor tensor = Tensor::zeros(DType::f32, {2, 3});
  const Tensor view = tensor.reshape({3, 2});
  view.data_as<float>()[5] = 7;
  EXPECT_EQ(tensor.data_as<float>()[5], 7);
  EXPECT_THROW((void)tensor.reshape({7}), Error);
  EXPECT_THROW((void)tensor.item(), Error);
}

TEST(Tensor, sizes_beyond_memory_are_an_error) {
  EXPECT_THROW(Tensor(DType::f64, {int64_t{1} << 31, int64_t{1} << 31}), Error);
  EXPECT_THROW(Tensor(DType::u8, {int64_t{1} << 62}), Error);
}

}  // namespace
}  // namespace gradus
