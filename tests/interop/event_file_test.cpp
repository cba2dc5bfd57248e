// SPDX-License-Identifier: Apache-2.0
#include "interop/tensorboard/event_file.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace gradus {
namespace {

// The examples of RFC 3720, appendix B.4, and the usual check value.
TEST(EventFile, Crc32cHasItsKnownAnswers) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(""), 0u);
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

uint32_t unmasked(uint64_t stored) {
  return std::rotl(static_cast<uint32_t>(stored) - 0xA282EAD8u, 15);
}

// The messages of a file, after a check of lengths and sums.
std::vector<std::string> messages(std::string_view file) {
  std::vector<std::string> all;
  while (!file.empty()) {
    const uint64_t length = little_endian(file.substr(0, 8));
    EXPECT_EQ(unmasked(little_endian(file.substr(8, 4))), crc32c(file.substr(0, 8)));
    const std::string_view message = file.substr(12, length);
    EXPECT_EQ(unmasked(little_endian(file.substr(12 + length, 4))), crc32c(message));
    all.emplace_back(message);
    file.remove_prefix(16 + length);
  }
  return all;
}

// Bytes as protocol buffers write them, worked out by hand.
TEST(EventFile, HoldsItsMessages) {
  const ScalarEvent event{.tag = "a/b", .step = 300, .seconds = 1, .value = 1.5f};
  const std::vector<std::string> all = messages(event_file(std::vector{event}));
  ASSERT_EQ(all.size(), 2u);
  const std::string one("\x09\0\0\0\0\0\0\xF0\x3F", 9);  // field 1: 1.0
  EXPECT_EQ(all[0], one + std::string("\x10\0", 2) + "\x1A\x0D" + "brain.Event:2");
  const std::string value = std::string("\x0A\x03") + "a/b" + std::string("\x15\0\0\xC0\x3F", 5);
  EXPECT_EQ(all[1], one + "\x10\xAC\x02" + "\x2A\x0C" + "\x0A\x0A" + value);
}

TEST(EventFile, MayBeEmpty) { EXPECT_EQ(messages(event_file({})).size(), 1u); }

}  // namespace
}  // namespace gradus
