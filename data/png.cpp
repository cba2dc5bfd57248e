// SPDX-License-Identifier: Apache-2.0
// libpng's simplified interface, which reports errors without longjmp.
#include <png.h>

#include "data/image_file.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

struct Decoder {
  png_image image{};
  Decoder() { image.version = PNG_IMAGE_VERSION; }
  ~Decoder() { png_image_free(&image); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  void check(int good, const std::string& source) const {
    if (good == 0 || PNG_IMAGE_FAILED(image))
      failf(ErrorKind::bad_data, source, "damaged PNG: {}", image.message);
  }
};

}  // namespace

void decode_png(std::span<const uint8_t> bytes, const std::string& source, int64_t channels,
                Pixels& pixels) {
  Decoder decoder;
  decoder.check(png_image_begin_read_from_memory(&decoder.image, bytes.data(), bytes.size()),
                source);
  const auto height = static_cast<int64_t>(decoder.image.height);
  const auto width = static_cast<int64_t>(decoder.image.width);
  // Deflate makes at most 1,032 bytes of one, and a byte holds at most 8 pixels.
  constexpr int64_t pixels_a_byte = 1032 * 8;
  if (height * width > static_cast<int64_t>(bytes.size()) * pixels_a_byte)
    failf(ErrorKind::bad_data, source, "{} x {} pixels cannot be in {} bytes", width, height,
          bytes.size());
  decoder.image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  make_room(pixels, height, width, channels, source);
  const png_color black{};
  decoder.check(png_image_finish_read(&decoder.image, &black, pixels.values.data(), 0, nullptr),
                source);
}

}  // namespace gradus
