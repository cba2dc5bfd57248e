// SPDX-License-Identifier: Apache-2.0
// The weight gradient of channels-last convolutions of few input channels: each sum is of what
// ConvolutionLines copies times the output's gradient, which is read in place. Chunks of blocks
// have sums of their own, which are added in order.
#include <algorithm>

#include "engine/base/parallel.h"
#include "kernels/convolution.h"
#include "kernels/cpu/convolution_lines.h"
#include "kernels/cpu/convolution_tile.h"

namespace gradus::kernels {
namespace {

constexpr int64_t most_chunks = 16;
constexpr int64_t least_chunk_positions = 512;

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// A chunk's sums are (panel of output channels, place, column of a tile).
struct Cut {
  int64_t places, panels, width;
  int64_t all_blocks, chunk_blocks, chunks;

  Cut(const ConvolutionShape& s, const ConvolutionLines& lines)
      : places(lines.place_count()),
        panels(blocks(s.out_channels, convolution_tile().columns)),
        width(convolution_tile().columns),
        all_blocks(s.batch * lines.image_blocks()),
        chunk_blocks(std::max(blocks(all_blocks, most_chunks),
                              least_chunk_positions * all_blocks / (s.batch * s.output_size()))),
        chunks(blocks(all_blocks, chunk_blocks)) {}

  int64_t panel_elements() const { return places * width; }
  int64_t chunk_elements() const { return panels * panel_elements(); }
};

// What a block reads, and its gradient of a panel with fewer columns, filled up with zeros.
struct Scratch {
  alignas(64) float x[ConvolutionLines::most_elements];
  alignas(64) float y[ConvolutionLines::most_positions * convolution_max_tile_columns];
};

// The gradient of a block's positions: neighbours in width are `step` apart, in height
// `height_step`.
struct Gradient {
  const float* data;
  int64_t step, height_step;
};

Gradient widened(const Gradient& from, const ConvolutionLines::Block& b, int64_t columns,
                 int64_t width, float* to) {
  std::fill_n(to, b.positions() * width, 0.0f);
  for (int64_t h = 0; h < b.heights; ++h)
    for (int64_t w = 0; w < b.widths; ++w)
      std::copy_n(from.data + h * from.height_step + w * from.step, columns,
                  to + (h * b.widths + w) * width);
  return {to, width, b.widths * width};
}

// Adds a block's products to the sums of its chunk, or begins them.
void add_block(const ConvolutionBackwardWeightArgs& args, const ConvolutionLines& lines,
               const Cut& cut, const ConvolutionLines::Block& b, bool add, Scratch& scratch,
               float* sums) {
  const ConvolutionShape& s = args.shape;
  const ConvolutionTile& tile = convolution_tile();
  lines.copy(b, static_cast<const float*>(args.input), scratch.x);
  const float* dy =
      static_cast<const float*>(args.output_gradient) + lines.first_position(b) * s.out_channels;
  const int64_t tiles = blocks(cut.places, convolution_tile_rows);
  for (int64_t panel = 0; panel < cut.panels; ++panel, sums += cut.panel_elements()) {
    const int64_t column = panel * cut.width,
                  columns = std::min(cut.width, s.out_channels - column);
    Gradient y{dy + column, s.out_channels, s.output[2] * s.out_channels};
    if (columns < cut.width) y = widened(y, b, columns, cut.width, scratch.y);
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t begin = cut.places * i / tiles, end = cut.places * (i + 1) / tiles;
      tile.line_sums[end - begin - 1]({b.heights, b.widths, scratch.x, lines.places() + begin,
                                       lines.position_step(), lines.height_step(), y.data, y.step,
                                       y.height_step, sums + begin * cut.width, add});
    }
  }
}

void run_chunk(const ConvolutionBackwardWeightArgs& args, const ConvolutionLines& lines,
               const Cut& cut, int64_t chunk, float* sums) {
  Scratch scratch;
  const int64_t of_image = lines.image_blocks(), first = chunk * cut.chunk_blocks;
  const int64_t last = std::min(cut.all_blocks, first + cut.chunk_blocks);
  for (int64_t i = first; i < last; ++i)
    add_block(args, lines, cut, lines.block(i / of_image, i % of_image), i > first, scratch,
              sums + chunk * cut.chunk_elements());
}

// Adds the chunks' sums of one output channel and puts them in the weights' order.
void finish_channel(const ConvolutionBackwardWeightArgs& args, const Cut& cut, int64_t channel,
                    const float* sums) {
  const ConvolutionShape& s = args.shape;
  const int64_t taps = s.kernel_size();
  const float* from = sums + channel / cut.width * cut.panel_elements() + channel % cut.width;
  float* to = static_cast<float*>(args.weight_gradient) + channel * cut.places;
  for (int64_t place = 0; place < cut.places; ++place, from += cut.width) {
    float total = *from;
    for (int64_t chunk = 1; chunk < cut.chunks; ++chunk)
      total += from[chunk * cut.chunk_elements()];
    to[place % s.in_channels * taps + place / s.in_channels] = total;
  }
}

}  // namespace

void convolution_backward_weight_cpu_few_channels(const ConvolutionBackwardWeightArgs& args,
                                                  void* workspace) {
  const ConvolutionLines lines(args.shape);
  const Cut cut(args.shape, lines);
  auto* sums = static_cast<float*>(workspace);
  parallel_for(cut.chunks, [&](int64_t chunk) {
    const FlushDenormals flush;
    run_chunk(args, lines, cut, chunk, sums);
  });
  parallel_for(args.shape.out_channels,
               [&](int64_t channel) { finish_channel(args, cut, channel, sums); });
}

int64_t convolution_backward_weight_few_channels_workspace(const ConvolutionShape& shape) {
  const Cut cut(shape, ConvolutionLines(shape));
  return cut.chunks * cut.chunk_elements() * static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
