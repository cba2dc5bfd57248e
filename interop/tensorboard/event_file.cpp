// SPDX-License-Identifier: Apache-2.0
#include "interop/tensorboard/event_file.h"

#include <array>
#include <bit>

namespace gradus {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0x82F63B78u : 0u);
    table[byte] = value;
  }
  return table;
}

// A checksum that stands beside the data it is of is stored masked.
uint32_t masked_crc32c(std::string_view data) { return std::rotr(crc32c(data), 15) + 0xA282EAD8u; }

template <class T>
void put_little_endian(std::string& out, T value) {
  for (size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

// Protocol buffers: a field's key is its number and wire type, each in a varint.
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  out += static_cast<char>(value);
}
enum Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
void put_key(std::string& out, int field, Wire wire) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire));
}
void put_bytes(std::string& out, int field, std::string_view value) {
  put_key(out, field, bytes);
  put_varint(out, value.size());
  out += value;
}

// Event: wall_time 1 (double), step 2 (int64), file_version 3, summary 5.
std::string event_message(double seconds, int64_t step) {
  std::string message;
  put_key(message, 1, fixed64);
  put_little_endian(message, std::bit_cast<uint64_t>(seconds));
  put_key(message, 2, varint);
  put_varint(message, static_cast<uint64_t>(step));
  return message;
}

// Summary: value 1, of tag 1 and simple_value 2 (float).
std::string scalar_message(const ScalarEvent& event) {
  std::string value, summary, message = event_message(event.seconds, event.step);
  put_bytes(value, 1, event.tag);
  put_key(value, 2, fixed32);
  put_little_endian(value, std::bit_cast<uint32_t>(event.value));
  put_bytes(summary, 1, value);
  put_bytes(message, 5, summary);
  return message;
}

void put_record(std::string& file, std::string_view message) {
  std::string length;
  put_little_endian(length, static_cast<uint64_t>(message.size()));
  file += length;
  put_little_endian(file, masked_crc32c(length));
  file += message;
  put_little_endian(file, masked_crc32c(message));
}

}  // namespace

uint32_t crc32c(std::string_view data) {
  static constexpr std::array<uint32_t, 256> table = crc_table();
  uint32_t value = ~0u;
  for (const char c : data)
    value = table[(value ^ static_cast<unsigned char>(c)) & 0xFF] ^ (value >> 8);
  return ~value;
}

std::string event_file(std::span<const ScalarEvent> events) {
  std::string version = event_message(events.empty() ? 0 : events[0].seconds, 0);
  put_bytes(version, 3, "brain.Event:2");
  std::string file;
  put_record(file, version);
  for (const ScalarEvent& event : events) put_record(file, scalar_message(event));
  return file;
}

}  // namespace gradus
