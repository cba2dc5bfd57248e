// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/base/shape.h"

namespace gradus {

// A decoded image: (height, width, channels) bytes, channels together, 1 (grey) or 3 (RGB).
struct Pixels {
  int64_t height = 0, width = 0, channels = 3;
  std::vector<uint8_t> values;
};

// An image of more pixels is refused before memory is taken for it.
inline constexpr int64_t most_pixels = int64_t{1} << 26;

// Decodes PNG and JPEG, told apart by their first bytes, to `channels` 1 or 3; what is transparent
// is laid over black, 16-bit values are rounded to 8, inks of print are mixed without a profile.
// Values are those stored, whatever the file says of gamma. Throws bad_data naming the source for
// other files, sizes above most_pixels or beyond what the file's bytes can hold, and for anything
// that the decoder warns of: cut files, damaged checksums.
void decode_image(std::span<const uint8_t> bytes, const std::string& source, int64_t channels,
                  Pixels& pixels);

// Grey from colours 0..255 by ITU-R BT.601's weights, as JPEG's own grey.
inline uint8_t luma(int red, int green, int blue) {
  return static_cast<uint8_t>((19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16);
}

// The two formats.
void decode_png(std::span<const uint8_t> bytes, const std::string& source, int64_t channels,
                Pixels& pixels);
void decode_jpeg(std::span<const uint8_t> bytes, const std::string& source, int64_t channels,
                 Pixels& pixels);

// Throws for sizes that decode_image refuses, then makes room.
void make_room(Pixels& pixels, int64_t height, int64_t width, int64_t channels,
               const std::string& source);

// Scales the largest part in the middle that has the shape of (height, width) to that size, planes
// (channels, height, width) of bytes. Each value is a mean under a triangle that is as wide as two
// pixels of the coarser grid, so that shrinking leaves nothing out. `scratch` is kept by the
// caller.
void fit_image(const Pixels& pixels, int64_t height, int64_t width, uint8_t* out,
               std::vector<float>& scratch);

}  // namespace gradus
