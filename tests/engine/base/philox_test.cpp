// SPDX-License-Identifier: Apache-2.0
#include "engine/base/philox.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

// Random123, tests/kat_vectors, the lines philox4x32 10.
struct KnownAnswer {
  Philox4 counter;
  PhiloxKey key;
  uint32_t answer[4];
};

TEST(Philox, gives_the_known_answers) {
  const KnownAnswer known[] = {
      {{{0, 0, 0, 0}}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const KnownAnswer& entry : known) {
    const Philox4 block = philox4x32_10(entry.counter, entry.key);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(block.v[i], entry.answer[i]);
  }
}

TEST(Philox, word_is_part_of_its_block) {
  const PhiloxKey key{7, 9};
  const Philox4 block = philox4x32_10({{5, 0, 0, 0}}, key);
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(philox_word(key, 20 + i), block.v[i]);
  // The block's index has 64 bits.
  EXPECT_EQ(philox_word(key, (uint64_t{1} << 34) + 1), philox4x32_10({{0, 1, 0, 0}}, key).v[1]);
}

TEST(Philox, every_part_of_the_state_changes_the_key) {
  const auto differs = [](PhiloxKey a, PhiloxKey b) { return a.lo != b.lo || a.hi != b.hi; };
  const RngState base{1, 2, 3};
  const PhiloxKey key = philox_key(base, 4);
  EXPECT_TRUE(differs(key, philox_key({2, 2, 3}, 4)));
  EXPECT_TRUE(differs(key, philox_key({1, 3, 3}, 4)));
  EXPECT_TRUE(differs(key, philox_key({1, 2, 4}, 4)));
  EXPECT_TRUE(differs(key, philox_key(base, 5)));
  EXPECT_TRUE(differs(key, philox_key({uint64_t{1} << 40, 2, 3}, 4)));
}

TEST(Philox, uniform_floats_stay_below_one) {
  EXPECT_EQ(uniform_float(0), 0.0f);
  EXPECT_EQ(uniform_float(0xffffffff), 1.0f - 0x1p-24f);
}

TEST(Philox, path_ids_are_stable) {
  EXPECT_NE(path_id("a"), path_id("b"));
  EXPECT_NE(path_id(""), 0u);
  EXPECT_EQ(path_id("layer1.dropout"), path_id("layer1.dropout"));
}

}  // namespace
}  // namespace gradus
