// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "data/tokenizer/code_points.h"

namespace gradus {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr auto code_points = [] {
  std::array<char32_t, 256> table{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    table[static_cast<size_t>(byte)] =
        stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  return table;
}();

// The inverse; -1 for what stands for no byte.
constexpr auto bytes = [] {
  std::array<int16_t, 0x144> table{};
  table.fill(-1);
  for (size_t byte = 0; byte < 256; ++byte) table[code_points[byte]] = static_cast<int16_t>(byte);
  return table;
}();

}  // namespace

char32_t code_point_of_byte(uint8_t byte) { return code_points[byte]; }

std::optional<uint8_t> byte_of_code_point(char32_t code) {
  if (code >= bytes.size() || bytes[code] < 0) return {};
  return static_cast<uint8_t>(bytes[code]);
}

void append_byte_alphabet(std::string_view text, std::string& out) {
  for (const char c : text) {
    const char32_t code = code_points[static_cast<uint8_t>(c)];
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
}

std::optional<std::string> bytes_of_alphabet(std::string_view token) {
  std::string result;
  for (size_t at = 0; at < token.size();) {
    const std::optional<uint8_t> byte = byte_of_code_point(next_code_point(token, at));
    if (!byte) return {};
    result += static_cast<char>(*byte);
  }
  return result;
}

}  // namespace gradus
