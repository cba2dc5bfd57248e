// SPDX-License-Identifier: Apache-2.0
// A fuzz target: PNG and JPEG files, and what scales them. The first byte chooses the channels.
#include <cstddef>
#include <cstdint>

#include "data/image_file.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    gradus::Pixels pixels;
    gradus::decode_image({data + 1, size - 1}, "image", data[0] & 1 ? 1 : 3, pixels);
    std::vector<float> scratch;
    std::vector<uint8_t> small(3 * 8 * 5);
    gradus::fit_image(pixels, 8, 5, small.data(), scratch);
  } catch (const gradus::Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
