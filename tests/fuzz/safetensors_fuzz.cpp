// SPDX-License-Identifier: Apache-2.0
// A fuzz target: safetensors files.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/error.h"
#include "engine/io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    (void)gradus::parse_safetensors({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const gradus::Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
