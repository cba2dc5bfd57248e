// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/convolution_lines.h"

#include <algorithm>

namespace gradus::kernels {
namespace {

constexpr int64_t least_widths = 24;  // of a block, where an output line has as many

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// How far `count` outputs of one dim reach, or more than any copy holds.
int64_t reach(const ConvolutionShape& s, size_t d, int64_t count) {
  constexpr int64_t most = ConvolutionLines::most_elements;
  if (s.kernel[d] > most || s.stride[d] > most || s.dilation[d] > most || count > most)
    return most + 1;
  return std::min((count - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1, most + 1);
}

}  // namespace

ConvolutionLines::ConvolutionLines(const ConvolutionShape& shape) : shape_(shape) {
  const bool empty = shape.batch == 0 || shape.out_channels == 0 || shape.output_size() == 0;
  if (!shape.channels_last || shape.groups != 1 || shape.dilation[2] != 1 || empty ||
      shape.in_channels < 1 || shape.in_channels > most_channels)
    return;
  if (std::ranges::any_of(shape.kernel, [](int64_t size) { return size > most_places; })) return;
  place_count_ = shape.kernel_size() * shape.in_channels;
  fits_ = place_count_ <= most_places && cut();
  if (fits_) fill_places();
}

// Chooses the largest blocks whose copy fits; whole output lines if they can be.
bool ConvolutionLines::cut() {
  const ConvolutionShape& s = shape_;
  const auto fits = [&](int64_t heights, int64_t widths) {
    const int64_t line = reach(s, 2, widths) * s.in_channels, lines = reach(s, 1, heights);
    return line <= most_elements && lines <= most_elements &&
           s.kernel[0] * lines * line <= most_elements;
  };
  const int64_t least = std::min(s.output[2], least_widths);
  widths_ = std::min(s.output[2], most_positions);
  while (!fits(1, widths_)) {
    if (widths_ <= least) return false;
    widths_ = std::max(least, widths_ / 2);
  }
  heights_ = 1;
  const int64_t most_heights = std::min(s.output[1], most_positions / widths_);
  while (heights_ < most_heights && fits(heights_ + 1, widths_)) ++heights_;
  height_blocks_ = blocks(s.output[1], heights_);
  width_blocks_ = blocks(s.output[2], widths_);
  line_ = reach(s, 2, widths_) * s.in_channels;
  lines_ = reach(s, 1, heights_);
  return true;
}

void ConvolutionLines::fill_places() {
  const ConvolutionShape& s = shape_;
  const int64_t together = s.kernel[2] * s.in_channels;
  int64_t* to = places_;
  for (int64_t depth = 0; depth < s.kernel[0]; ++depth)
    for (int64_t height = 0; height < s.kernel[1]; ++height)
      for (int64_t k = 0; k < together; ++k)
        *to++ = (depth * lines_ + height * s.dilation[1]) * line_ + k;
}

ConvolutionLines::Block ConvolutionLines::block(int64_t image, int64_t index) const {
  const int64_t width = index % width_blocks_ * widths_, of_lines = index / width_blocks_;
  const int64_t height = of_lines % height_blocks_ * heights_;
  return {image,  of_lines / height_blocks_,
          height, std::min(heights_, shape_.output[1] - height),
          width,  std::min(widths_, shape_.output[2] - width)};
}

int64_t ConvolutionLines::first_position(const Block& b) const {
  const auto& size = shape_.output;
  return ((b.image * size[0] + b.depth) * size[1] + b.height) * size[2] + b.width;
}

void ConvolutionLines::copy(const Block& b, const float* input, float* to) const {
  const ConvolutionShape& s = shape_;
  const int64_t lines = reach(s, 1, b.heights), count = reach(s, 2, b.widths);
  const int64_t height = b.height * s.stride[1] - s.padding[1];
  const int64_t width = b.width * s.stride[2] - s.padding[2], channels = s.in_channels;
  const int64_t begin = std::clamp<int64_t>(-width, 0, count);
  const int64_t end = std::clamp(s.input[2] - width, begin, count);
  for (int64_t plane = 0; plane < s.kernel[0]; ++plane) {
    const int64_t depth = b.depth * s.stride[0] - s.padding[0] + plane * s.dilation[0];
    const bool inside = depth >= 0 && depth < s.input[0];
    for (int64_t i = 0; i < lines; ++i) {
      float* line = to + (plane * lines_ + i) * line_;
      if (!inside || height + i < 0 || height + i >= s.input[1]) {
        std::fill_n(line, count * channels, 0.0f);
        continue;
      }
      const int64_t at = ((b.image * s.input[0] + depth) * s.input[1] + height + i) * s.input[2];
      std::fill_n(line, begin * channels, 0.0f);
      if (begin < end)
        std::copy_n(input + (at + width + begin) * channels, (end - begin) * channels,
                    line + begin * channels);
      std::fill_n(line + end * channels, (count - end) * channels, 0.0f);
    }
  }
}

}  // namespace gradus::kernels
