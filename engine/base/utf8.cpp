// SPDX-License-Identifier: Apache-2.0
#include "engine/base/utf8.h"

#include <cstdint>

namespace gradus {
namespace {

struct Sequence {
  int length;               // 0: not a first byte
  uint8_t lowest, highest;  // of the second byte
};

Sequence sequence_of(uint8_t first) {
  if (first < 0x80) return {1, 0, 0};
  if (first < 0xC2) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first < 0xF0)
    return {3, first == 0xE0 ? uint8_t{0xA0} : uint8_t{0x80},
            first == 0xED ? uint8_t{0x9F} : uint8_t{0xBF}};
  if (first < 0xF5)
    return {4, first == 0xF0 ? uint8_t{0x90} : uint8_t{0x80},
            first == 0xF4 ? uint8_t{0x8F} : uint8_t{0xBF}};
  return {0, 0, 0};
}

}  // namespace

Utf8Sequence first_utf8_sequence(std::string_view text) {
  const auto [length, lowest, highest] = sequence_of(static_cast<uint8_t>(text[0]));
  if (length == 0) return {1, false};
  for (size_t k = 1; k < static_cast<size_t>(length); ++k) {
    if (k == text.size()) return {k, false};
    const auto byte = static_cast<uint8_t>(text[k]);
    if (byte < (k == 1 ? lowest : 0x80) || byte > (k == 1 ? highest : 0xBF)) return {k, false};
  }
  return {static_cast<size_t>(length), true};
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Utf8Sequence sequence = first_utf8_sequence(text.substr(i));
    if (!sequence.whole) return false;
    i += sequence.length;
  }
  return true;
}

}  // namespace gradus
