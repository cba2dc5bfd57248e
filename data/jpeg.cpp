// SPDX-License-Identifier: Apache-2.0
// libjpeg leaves a failed call by longjmp: everything with a destructor lives outside of the
// function that it leaves.
#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

#include "data/image_file.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

struct Failure {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

void leave(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  info->err->format_message(info, failure->message);
  std::longjmp(failure->back, 1);
}

// A negative level is a warning: damage that libjpeg would go over. Harmless are bytes between
// markers, which editors leave, and odd version numbers.
void take_message(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  const bool harmless =
      code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR;
  if (level < 0 && !harmless) leave(info);
}

struct Decoder {
  jpeg_decompress_struct info{};
  Failure failure{};

  Decoder() {
    info.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave;
    failure.manager.emit_message = take_message;
  }
  ~Decoder() { jpeg_destroy_decompress(&info); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

// False where libjpeg left it; `failure` says why.
bool read_header(Decoder& decoder, std::span<const uint8_t> bytes, int64_t channels) {
  if (setjmp(decoder.failure.back) != 0) return false;
  jpeg_create_decompress(&decoder.info);
  jpeg_mem_src(&decoder.info, bytes.data(), bytes.size());
  jpeg_read_header(&decoder.info, TRUE);
  const J_COLOR_SPACE stored = decoder.info.jpeg_color_space;
  decoder.info.out_color_space = stored == JCS_CMYK || stored == JCS_YCCK ? JCS_CMYK
                                 : channels == 1                          ? JCS_GRAYSCALE
                                                                          : JCS_RGB;
  decoder.info.dct_method = JDCT_ISLOW;
  return true;
}

bool read_rows(Decoder& decoder, uint8_t* out, size_t row_bytes) {
  if (setjmp(decoder.failure.back) != 0) return false;
  jpeg_start_decompress(&decoder.info);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = out + decoder.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return true;
}

// The inks of print, as programs without a colour profile mix them. Files with Adobe's marker hold
// what is left of the light.
void mix_inks(const std::vector<uint8_t>& inks, bool inverted, Pixels& pixels) {
  const size_t channels = static_cast<size_t>(pixels.channels);
  for (size_t i = 0; i < inks.size() / 4; ++i) {
    const auto light = [&](size_t c) { return inverted ? inks[4 * i + c] : 255 - inks[4 * i + c]; };
    const auto colour = [&](size_t c) { return (light(c) * light(3) + 127) / 255; };
    uint8_t* out = pixels.values.data() + i * channels;
    if (channels == 1)
      out[0] = luma(colour(0), colour(1), colour(2));
    else
      for (size_t c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(colour(c));
  }
}

// A progressive file may scan all its coefficients again and again; those that cameras and editors
// write have about 10 scans.
constexpr int64_t most_scans = 100;

int64_t scans_in(std::span<const uint8_t> bytes) {
  int64_t scans = 0;
  for (size_t i = 0; i + 1 < bytes.size(); ++i)
    if (bytes[i] == 0xFF && bytes[i + 1] == 0xDA) ++scans;
  return scans;
}

}  // namespace

void decode_jpeg(std::span<const uint8_t> bytes, const std::string& source, int64_t channels,
                 Pixels& pixels) {
  Decoder decoder;
  if (!read_header(decoder, bytes, channels))
    failf(ErrorKind::bad_data, source, "damaged JPEG: {}", decoder.failure.message);
  if (const int64_t scans = scans_in(bytes); scans > most_scans)
    failf(ErrorKind::bad_data, source, "a JPEG of {} scans, expected at most {}", scans,
          most_scans);
  // A block of 64 pixels takes a bit at least.
  constexpr int64_t pixels_a_byte = 512;
  const int64_t height = decoder.info.image_height, width = decoder.info.image_width;
  if (height * width > static_cast<int64_t>(bytes.size()) * pixels_a_byte)
    failf(ErrorKind::bad_data, source, "{} x {} pixels cannot be in {} bytes", width, height,
          bytes.size());
  make_room(pixels, height, width, channels, source);
  const bool print = decoder.info.out_color_space == JCS_CMYK;
  std::vector<uint8_t> inks(print ? static_cast<size_t>(4 * height * width) : 0);
  const auto row_bytes = static_cast<size_t>(width * (print ? 4 : channels));
  if (!read_rows(decoder, print ? inks.data() : pixels.values.data(), row_bytes))
    failf(ErrorKind::bad_data, source, "damaged JPEG: {}", decoder.failure.message);
  if (print) mix_inks(inks, decoder.info.saw_Adobe_marker != 0, pixels);
}

}  // namespace gradus
