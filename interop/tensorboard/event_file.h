// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gradus {

// A value of one tag at one step. `seconds` since 1970 is what TensorBoard shows as its time.
struct ScalarEvent {
  std::string tag;
  int64_t step = 0;
  double seconds = 0;
  float value = 0;
};

// The contents of a TensorBoard event file: records of (u64 length, masked CRC-32C of it, data,
// masked CRC-32C of the data), each an Event message of TensorFlow's event.proto; the first names
// the version "brain.Event:2".
std::string event_file(std::span<const ScalarEvent> events);

// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4.
uint32_t crc32c(std::string_view data);

}  // namespace gradus
