// SPDX-License-Identifier: Apache-2.0
// The 16- and 8-bit floats against their definition, for all bit patterns.
#include "engine/base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// What a format says of itself; `decode` follows the definition alone.
struct Format {
  int bits, mantissa, bias;
  bool infinities;  // else the largest exponent holds numbers, and NaN is all ones
  float (*widen)(uint32_t);
  uint32_t (*narrow)(float);

  uint32_t sign() const { return 1u << (bits - 1); }
  uint32_t largest_exponent() const { return (1u << (bits - 1 - mantissa)) - 1; }
  bool is_nan(uint32_t pattern) const {
    const uint32_t magnitude = pattern & (sign() - 1);
    return infinities ? magnitude > largest_exponent() << mantissa : magnitude == sign() - 1;
  }
  uint32_t largest_finite() const {
    return infinities ? (largest_exponent() << mantissa) - 1 : sign() - 2;
  }
  float decode(uint32_t pattern) const {
    const uint32_t magnitude = pattern & (sign() - 1);
    const int exponent = static_cast<int>(magnitude >> mantissa);
    const double fraction = std::ldexp(magnitude & ((1u << mantissa) - 1), -mantissa);
    double value =
        exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
    if (infinities && magnitude == largest_exponent() << mantissa) value = infinity;
    return static_cast<float>(pattern & sign() ? -value : value);
  }
};

template <class T>
float widen(uint32_t pattern) {
  return to_float(T{static_cast<decltype(T::bits)>(pattern)});
}

const Format formats[] = {
    {16, 10, 15, true, widen<f16>, [](float x) -> uint32_t { return to_f16(x).bits; }},
    {16, 7, 127, true, widen<bf16>, [](float x) -> uint32_t { return to_bf16(x).bits; }},
    {8, 3, 7, false, widen<f8e4m3>, [](float x) -> uint32_t { return to_f8e4m3(x).bits; }},
    {8, 2, 15, true, widen<f8e5m2>, [](float x) -> uint32_t { return to_f8e5m2(x).bits; }},
};

class StoredFloats : public testing::TestWithParam<Format> {};

TEST_P(StoredFloats, widen_as_defined) {
  const Format& format = GetParam();
  for (uint32_t pattern = 0; pattern < 1u << format.bits; ++pattern) {
    const float value = format.widen(pattern);
    if (format.is_nan(pattern)) {
      ASSERT_TRUE(std::isnan(value)) << pattern;
    } else {
      ASSERT_EQ(value, format.decode(pattern)) << pattern;
      ASSERT_EQ(std::signbit(value), (pattern & format.sign()) != 0) << pattern;
    }
  }
}

TEST_P(StoredFloats, come_back) {
  const Format& format = GetParam();
  for (uint32_t pattern = 0; pattern < 1u << format.bits; ++pattern) {
    const uint32_t back = format.narrow(format.widen(pattern));
    if (format.is_nan(pattern)) {
      ASSERT_TRUE(format.is_nan(back)) << pattern;
      ASSERT_EQ(back & format.sign(), pattern & format.sign()) << pattern;
    } else {
      ASSERT_EQ(back, pattern);
    }
  }
}

// Between two neighbours everything goes to the nearer, the middle to the even one.
TEST_P(StoredFloats, round_to_nearest_even) {
  const Format& format = GetParam();
  for (uint32_t lower = 0; lower < format.largest_finite(); ++lower) {
    const float a = format.widen(lower), b = format.widen(lower + 1);
    // bf16's smallest steps have no middle in f32 normals, but one in its subnormals.
    const float middle = static_cast<float>((static_cast<double>(a) + b) / 2);
    const uint32_t even = lower % 2 == 0 ? lower : lower + 1;
    for (uint32_t sign : {0u, format.sign()}) {
      const float s = sign ? -1.0f : 1.0f;
      ASSERT_EQ(format.narrow(s * middle), even | sign) << lower;
      ASSERT_EQ(format.narrow(s * std::nextafter(middle, 0.0f)), lower | sign) << lower;
      ASSERT_EQ(format.narrow(s * std::nextafter(middle, infinity)), (lower + 1) | sign) << lower;
    }
  }
}

TEST_P(StoredFloats, overflow_as_the_format_has_it) {
  const Format& format = GetParam();
  const uint32_t top = format.largest_finite();
  const float largest = format.widen(top);
  // Half a step above the largest number: a tie that would round to even, away from it where the
  // largest has an odd pattern.
  const float step = largest - format.widen(top - 1);
  const float limit = largest + step / 2;
  const uint32_t above = format.infinities ? top + 1 : format.sign() - 1;
  EXPECT_EQ(format.narrow(std::nextafter(limit, 0.0f)), top);
  EXPECT_EQ(format.narrow(limit), top % 2 == 1 ? above : top);
  EXPECT_EQ(format.narrow(std::nextafter(limit, infinity)), above);
  EXPECT_EQ(format.narrow(infinity), above);
  EXPECT_EQ(format.narrow(-infinity), above | format.sign());
}

TEST_P(StoredFloats, tiny_values_become_zero_with_their_sign) {
  const Format& format = GetParam();
  const float smallest = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(format.narrow(smallest), 0u);
  EXPECT_EQ(format.narrow(-smallest), format.sign());
  EXPECT_EQ(format.narrow(-0.0f), format.sign());
}

std::string name_of(const testing::TestParamInfo<Format>& info) {
  const char* names[] = {"f16", "bf16", "f8e4m3", "f8e5m2"};
  return names[info.index];
}
INSTANTIATE_TEST_SUITE_P(Half, StoredFloats, testing::ValuesIn(formats), name_of);

}  // namespace
}  // namespace gradus
