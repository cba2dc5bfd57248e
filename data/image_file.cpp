// SPDX-License-Identifier: Apache-2.0
#include "data/image_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"

namespace gradus {
namespace {

// Weights of the source pixels [first, first + count) for one pixel of the result.
struct Window {
  int64_t first, count;
  double centre, reach;

  double weight(int64_t source) const {
    return std::max(0.0, 1 - std::abs(static_cast<double>(source) + 0.5 - centre) / reach);
  }
};

// Pixel `i` of `to` that cover [begin, begin + length) of a row of `size` pixels.
Window window_of(int64_t i, int64_t to, double begin, double length, int64_t size) {
  const double step = length / static_cast<double>(to);
  const double centre = begin + (static_cast<double>(i) + 0.5) * step;
  const double reach = std::max(1.0, step);
  const auto first = static_cast<int64_t>(std::floor(centre - reach));
  const auto end = static_cast<int64_t>(std::ceil(centre + reach));
  const int64_t least = std::clamp<int64_t>(first, 0, size - 1);
  return {least, std::clamp<int64_t>(end, least + 1, size) - least, centre, reach};
}

}  // namespace

void make_room(Pixels& pixels, int64_t height, int64_t width, int64_t channels,
               const std::string& source) {
  if (height < 1 || width < 1 || height > most_pixels / width)
    failf(ErrorKind::bad_data, source, "an image of {} x {} pixels, expected 1 to {} in all", width,
          height, most_pixels);
  pixels.height = height;
  pixels.width = width;
  pixels.channels = channels;
  pixels.values.resize(static_cast<size_t>(height * width * channels));
}

void decode_image(std::span<const uint8_t> bytes, const std::string& source, int64_t channels,
                  Pixels& pixels) {
  GRADUS_CHECK(channels == 1 || channels == 3, "[data.channels] expected 1 or 3, got {}", channels);
  if (bytes.size() >= 8 && std::memcmp(bytes.data(), "\x89PNG\r\n\x1a\n", 8) == 0)
    return decode_png(bytes, source, channels, pixels);
  if (bytes.size() >= 3 && std::memcmp(bytes.data(), "\xFF\xD8\xFF", 3) == 0)
    return decode_jpeg(bytes, source, channels, pixels);
  fail(ErrorKind::bad_data, source, "neither a PNG nor a JPEG file by its first bytes");
}

void fit_image(const Pixels& pixels, int64_t height, int64_t width, uint8_t* out,
               std::vector<float>& scratch) {
  const auto from_height = static_cast<double>(pixels.height);
  const auto from_width = static_cast<double>(pixels.width);
  const double zoom =
      std::min(from_height / static_cast<double>(height), from_width / static_cast<double>(width));
  const double part_height = zoom * static_cast<double>(height);
  const double part_width = zoom * static_cast<double>(width);
  const int64_t channels = pixels.channels;
  // Rows first: (pixels.height, width, channels).
  scratch.resize(static_cast<size_t>(pixels.height * width * channels));
  for (int64_t x = 0; x < width; ++x) {
    const Window window =
        window_of(x, width, (from_width - part_width) / 2, part_width, pixels.width);
    double total = 0;
    for (int64_t i = 0; i < window.count; ++i) total += window.weight(window.first + i);
    for (int64_t y = 0; y < pixels.height; ++y)
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t* row =
            pixels.values.data() + (y * pixels.width + window.first) * channels + c;
        double sum = 0;
        for (int64_t i = 0; i < window.count; ++i)
          sum += window.weight(window.first + i) * row[i * channels];
        scratch[static_cast<size_t>((y * width + x) * channels + c)] =
            static_cast<float>(sum / total);
      }
  }
  for (int64_t y = 0; y < height; ++y) {
    const Window window =
        window_of(y, height, (from_height - part_height) / 2, part_height, pixels.height);
    double total = 0;
    for (int64_t i = 0; i < window.count; ++i) total += window.weight(window.first + i);
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (int64_t i = 0; i < window.count; ++i)
          sum += window.weight(window.first + i) *
                 static_cast<double>(
                     scratch[static_cast<size_t>(((window.first + i) * width + x) * channels + c)]);
        out[(c * height + y) * width + x] =
            static_cast<uint8_t>(std::clamp(std::lround(sum / total), 0L, 255L));
      }
  }
}

}  // namespace gradus
