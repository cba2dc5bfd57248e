// SPDX-License-Identifier: Apache-2.0
// Channels-last convolutions of few input channels: products of what ConvolutionLines copies with
// all weights of a panel of output channels, whose sums stay in registers.
#include <algorithm>

#include "engine/base/parallel.h"
#include "kernels/convolution.h"
#include "kernels/cpu/convolution_lines.h"
#include "kernels/cpu/convolution_tile.h"

namespace gradus::kernels {
namespace {

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// A panel is (1 + places, columns of a tile): the bias, then the weights; zeros past the last.
int64_t panel_elements(const ConvolutionShape& s) {
  return (1 + s.kernel_size() * s.in_channels) * convolution_tile().columns;
}

void pack_panel(const ConvolutionArgs& args, int64_t panel, float* to) {
  const ConvolutionShape& s = args.shape;
  const int64_t width = convolution_tile().columns, column = panel * width;
  const int64_t filled = std::min(width, s.out_channels - column), taps = s.kernel_size();
  const auto* bias = static_cast<const float*>(args.bias);
  const auto* weight = static_cast<const float*>(args.weight);
  std::fill_n(to, panel_elements(s), 0.0f);
  for (int64_t j = 0; j < filled; ++j) {
    if (bias) to[j] = bias[column + j];
    const float* from = weight + (column + j) * s.in_channels * taps;
    for (int64_t c = 0; c < s.in_channels; ++c)
      for (int64_t tap = 0; tap < taps; ++tap)
        to[(1 + tap * s.in_channels + c) * width + j] = from[c * taps + tap];
  }
}

// A tile of a panel with fewer columns, by way of a whole one.
void run_narrow(const ConvolutionTile& tile, ConvolutionLinesCall call, int64_t rows,
                int64_t columns) {
  alignas(64) float whole[convolution_tile_rows * convolution_max_tile_columns];
  float* c = call.c;
  const int64_t ldc = call.ldc;
  call.c = whole;
  call.ldc = tile.columns;
  tile.lines[rows - 1](call);
  for (int64_t r = 0; r < rows; ++r) std::copy_n(whole + r * tile.columns, columns, c + r * ldc);
}

// `count` neighbouring positions, in tiles of nearly equal height.
void run_positions(const ConvolutionTile& tile, ConvolutionLinesCall call, int64_t count,
                   int64_t columns) {
  const int64_t tiles = blocks(count, convolution_tile_rows);
  for (int64_t i = 0, row = 0; i < tiles; ++i) {
    const int64_t rows = (count - row) / (tiles - i);
    if (columns == tile.columns)
      tile.lines[rows - 1](call);
    else
      run_narrow(tile, call, rows, columns);
    call.x += rows * call.step;
    call.c += rows * call.ldc;
    row += rows;
  }
}

void run_block(const ConvolutionArgs& args, const ConvolutionLines& lines,
               const ConvolutionLines::Block& b, const float* packed) {
  const ConvolutionShape& s = args.shape;
  const ConvolutionTile& tile = convolution_tile();
  alignas(64) float x[ConvolutionLines::most_elements];
  lines.copy(b, static_cast<const float*>(args.input), x);
  float* c = static_cast<float*>(args.output) + lines.first_position(b) * s.out_channels;
  for (int64_t h = 0; h < b.heights; ++h, c += s.output[2] * s.out_channels)
    for (int64_t column = 0; column < s.out_channels; column += tile.columns)
      run_positions(
          tile,
          {lines.place_count(), lines.places(), x + h * lines.height_step(), lines.position_step(),
           packed + column / tile.columns * panel_elements(s), c + column, s.out_channels},
          b.widths, std::min<int64_t>(tile.columns, s.out_channels - column));
}

}  // namespace

bool convolution_fits_few_channels(const ConvolutionShape& shape) {
  return ConvolutionLines(shape).fits();
}

void convolution_cpu_few_channels(const ConvolutionArgs& args, void* workspace) {
  const ConvolutionShape& s = args.shape;
  const ConvolutionLines lines(s);
  auto* packed = static_cast<float*>(workspace);
  parallel_for(blocks(s.out_channels, convolution_tile().columns),
               [&](int64_t panel) { pack_panel(args, panel, packed + panel * panel_elements(s)); });
  const int64_t of_image = lines.image_blocks();
  parallel_for(s.batch * of_image, [&](int64_t task) {
    const FlushDenormals flush;
    run_block(args, lines, lines.block(task / of_image, task % of_image), packed);
  });
}

int64_t convolution_few_channels_workspace(const ConvolutionShape& shape) {
  return blocks(shape.out_channels, convolution_tile().columns) * panel_elements(shape) *
         static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
