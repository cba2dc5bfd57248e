// SPDX-License-Identifier: Apache-2.0
// A fuzz target: NumPy's arrays.
#include <cstddef>
#include <cstdint>

#include "data/npy.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    (void)gradus::parse_npy({data, size}, "a.npy");
  } catch (const gradus::Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
