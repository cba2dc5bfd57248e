// SPDX-License-Identifier: Apache-2.0
// libpng leaves a failed call by longjmp: everything with a destructor lives outside of the
// function that it leaves. Values are taken as stored, whatever the file says of gamma: that is
// what other readers of training images do, and libpng's simplified interface does not.
#include <png.h>

#include <csetjmp>
#include <cstring>

#include "data/image_file.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> rest;
  char message[160] = "out of memory";

  explicit Decoder(std::span<const uint8_t> bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave, [](png_structp, auto) {});
    if (png != nullptr) info = png_create_info_struct(png);
  }
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  [[noreturn]] static void leave(png_structp png, png_const_charp text) {
    auto* self = static_cast<Decoder*>(png_get_error_ptr(png));
    std::strncpy(self->message, text, sizeof self->message - 1);
    png_longjmp(png, 1);
  }
  static void take(png_structp png, png_bytep out, size_t count) {
    auto* self = static_cast<Decoder*>(png_get_io_ptr(png));
    if (count > self->rest.size()) png_error(png, "the file is cut off");
    std::memcpy(out, self->rest.data(), count);
    self->rest = self->rest.subspan(count);
  }
};

// False where libpng left it; `message` says why.
bool read_header(Decoder& decoder) {
  if (decoder.info == nullptr || setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_set_read_fn(decoder.png, &decoder, Decoder::take);
  png_read_info(decoder.png, decoder.info);
  png_set_expand(decoder.png);    // palettes to colours, few bits to 8, transparency to alpha
  png_set_scale_16(decoder.png);  // rounds
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  return true;
}

bool read_rows(Decoder& decoder, png_bytepp rows) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_read_image(decoder.png, rows);
  return true;
}

// `stored`: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
void convert(const std::vector<uint8_t>& from, size_t stored, size_t channels,
             std::vector<uint8_t>& to) {
  const bool grey = stored <= 2, alpha = stored % 2 == 0;
  const size_t pixels = from.size() / stored;
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* in = from.data() + i * stored;
    const int opaque = alpha ? in[stored - 1] : 255;
    const auto over_black = [&](size_t c) { return (in[grey ? 0 : c] * opaque + 127) / 255; };
    const int red = over_black(0), green = over_black(1), blue = over_black(2);
    uint8_t* out = to.data() + i * channels;
    if (channels == 1) {
      out[0] = luma(red, green, blue);
    } else {
      out[0] = static_cast<uint8_t>(red);
      out[1] = static_cast<uint8_t>(green);
      out[2] = static_cast<uint8_t>(blue);
    }
  }
}

}  // namespace

void decode_png(std::span<const uint8_t> bytes, const std::string& source, int64_t channels,
                Pixels& pixels) {
  Decoder decoder(bytes);
  const auto damaged = [&] {
    failf(ErrorKind::bad_data, source, "damaged PNG: {}", decoder.message);
  };
  if (!read_header(decoder)) damaged();
  const int64_t height = png_get_image_height(decoder.png, decoder.info);
  const int64_t width = png_get_image_width(decoder.png, decoder.info);
  // Deflate makes at most 1,032 bytes of one, and a byte holds at most 8 pixels.
  constexpr int64_t pixels_a_byte = 1032 * 8;
  if (height * width > static_cast<int64_t>(bytes.size()) * pixels_a_byte)
    failf(ErrorKind::bad_data, source, "{} x {} pixels cannot be in {} bytes", width, height,
          bytes.size());
  make_room(pixels, height, width, channels, source);
  const size_t stored = png_get_channels(decoder.png, decoder.info);
  const size_t row_bytes = png_get_rowbytes(decoder.png, decoder.info);
  std::vector<uint8_t> values(row_bytes * static_cast<size_t>(height));
  std::vector<png_bytep> rows(static_cast<size_t>(height));
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = values.data() + y * row_bytes;
  if (!read_rows(decoder, rows.data())) damaged();
  convert(values, stored, static_cast<size_t>(channels), pixels.values);
}

}  // namespace gradus
