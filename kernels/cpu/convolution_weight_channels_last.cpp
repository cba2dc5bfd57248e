// SPDX-License-Identifier: Apache-2.0
// The weight gradient of channels-last convolutions: for each tap, products (output channels,
// positions) x (positions, input channels). Chunks of images have sums of their own, which are
// added in order.
#include <algorithm>
#include <cstring>

#include "engine/base/parallel.h"
#include "kernels/convolution.h"
#include "kernels/cpu/convolution_rows.h"
#include "kernels/cpu/convolution_tile.h"

namespace gradus::kernels {
namespace {

constexpr int64_t most_chunks = 16;
constexpr int64_t least_chunk_positions = 512;
constexpr int64_t most_sums = int64_t{1} << 21;  // elements of all chunks together, if they can be
constexpr int64_t least_tasks = 16;
constexpr int64_t block_positions = 128;
constexpr int64_t task_tiles = 16;
constexpr int64_t tile_rows = convolution_tile_rows;

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// How the work is cut: a task is a chunk of images, a group of channels, some tiles of output
// channels and some of the groups of taps. Sums are (chunk, group, group of taps, panel of the
// group's taps and input channels, output channel, column of a tile).
struct Cut {
  int64_t taps, depth, columns;  // columns: output channels; of one group of channels
  int64_t chunk_images, chunks;
  int64_t group_taps, tap_groups, tap_parts;
  int64_t width, panels;  // panels of one group of taps
  int64_t tiles, tile_parts;

  int64_t group_elements() const { return panels * columns * width; }  // of a group of taps
  int64_t sum_elements() const { return tap_groups * group_elements(); }
  // The first of the output channels of a tile.
  int64_t tile_begin(int64_t tile) const { return columns * tile / tiles; }
};

Cut cut_of(const ConvolutionShape& s) {
  Cut cut{};
  cut.taps = s.kernel_size();
  cut.depth = s.group_in_channels();
  cut.columns = s.group_out_channels();
  cut.group_taps = ConvolutionRows::group_taps(TapMap::forward(s), cut.depth, 1);
  cut.tap_groups = blocks(cut.taps, cut.group_taps);
  cut.width = convolution_tile().columns;
  cut.panels = blocks(cut.group_taps * cut.depth, cut.width);
  const int64_t chunks =
      std::clamp<int64_t>(most_sums / (s.groups * cut.sum_elements()), 1, most_chunks);
  cut.chunk_images =
      std::max(blocks(least_chunk_positions, s.output_size()), blocks(s.batch, chunks));
  cut.chunks = blocks(s.batch, cut.chunk_images);
  cut.tiles = blocks(cut.columns, tile_rows);
  cut.tile_parts = blocks(cut.tiles, task_tiles);
  const int64_t tasks = std::max<int64_t>(cut.chunks * s.groups * cut.tile_parts, 1);
  cut.tap_parts = std::min(cut.tap_groups, blocks(least_tasks, tasks));
  return cut;
}

struct Task {
  int64_t chunk, group, tile, tile_end, tap_group, tap_group_end;
};

// Where a task keeps a block of positions: the output's gradient (tile, position, row of a tile)
// and the input through a tap (position, column of a tile).
struct Scratch {
  alignas(64) float y[task_tiles * block_positions * tile_rows];
  alignas(64) float x[block_positions * convolution_max_tile_columns];
};

// A line of a tile with fewer rows is filled up with the next ones, where there are any.
void pack_gradient(const ConvolutionBackwardWeightArgs& args, const Cut& cut, const Task& task,
                   int64_t first, int64_t count, float* y) {
  const ConvolutionShape& s = args.shape;
  const float* from = static_cast<const float*>(args.output_gradient) + first * s.out_channels +
                      task.group * cut.columns;
  int64_t begin[task_tiles + 1];
  const int64_t tiles = task.tile_end - task.tile;
  for (int64_t i = 0; i <= tiles; ++i) begin[i] = cut.tile_begin(task.tile + i);
  const int64_t last = tiles - 1;
  for (int64_t i = 0; i < count; ++i, from += s.out_channels, y += tile_rows) {
    float* to = y;
    for (int64_t tile = 0; tile < last; ++tile, to += block_positions * tile_rows)
      std::memcpy(to, from + begin[tile], tile_rows * sizeof(float));
    for (int64_t column = begin[last]; column < begin[tiles]; ++column) *to++ = from[column];
  }
}

// Columns [column, column + width) of what the chosen positions read, zeros past the last.
void pack_input(const ConvolutionRows& rows, int64_t column, int64_t width, float* to) {
  if (column + width <= rows.padded_depth())
    return convolution_tile().copy({rows.count(), rows.x(), column, to});
  const int64_t filled = rows.depth() - column;
  for (int64_t i = 0; i < rows.count(); ++i, to += width)
    for (int64_t j = 0; j < width; ++j) to[j] = j < filled ? rows.x()[i][column + j] : 0;
}

// Adds the positions and taps chosen in `rows` to the sums of their group.
void add_products(const Cut& cut, const Task& task, const ConvolutionRows& rows, Scratch& scratch,
                  bool add, float* sums) {
  const ConvolutionTile& kernel = convolution_tile();
  for (int64_t panel = 0; panel * cut.width < rows.depth(); ++panel) {
    pack_input(rows, panel * cut.width, cut.width, scratch.x);
    for (int64_t tile = task.tile; tile < task.tile_end; ++tile) {
      const int64_t begin = cut.tile_begin(tile), height = cut.tile_begin(tile + 1) - begin;
      kernel.sums[height - 1]({rows.count(), scratch.x,
                               scratch.y + (tile - task.tile) * block_positions * tile_rows,
                               rows.at(), sums + (panel * cut.columns + begin) * cut.width, add});
    }
  }
}

void run_task(const ConvolutionBackwardWeightArgs& args, const Cut& cut, const Task& task,
              float* all_sums) {
  const ConvolutionShape& s = args.shape;
  Scratch scratch;
  ConvolutionRows rows(TapMap::forward(s),
                       static_cast<const float*>(args.input) + task.group * cut.depth,
                       s.in_channels, cut.depth, cut.group_taps);
  float* sums = all_sums + (task.chunk * s.groups + task.group) * cut.sum_elements();
  const int64_t begin = task.chunk * cut.chunk_images * s.output_size();
  const int64_t end =
      std::min(begin + cut.chunk_images * s.output_size(), s.batch * s.output_size());
  for (int64_t first = begin; first < end; first += block_positions) {
    const int64_t count = std::min(block_positions, end - first);
    rows.set_positions(first, count);
    pack_gradient(args, cut, task, first, count, scratch.y);
    for (int64_t group = task.tap_group; group < task.tap_group_end; ++group) {
      const int64_t tap = group * cut.group_taps;
      rows.set_taps(tap, std::min(cut.group_taps, cut.taps - tap));
      add_products(cut, task, rows, scratch, first > begin, sums + group * cut.group_elements());
    }
  }
}

// Adds the chunks' sums of one output channel and puts them in the weights' order.
void finish_channel(const ConvolutionBackwardWeightArgs& args, const Cut& cut, int64_t channel,
                    const float* sums) {
  const int64_t group = channel / cut.columns, column = channel % cut.columns;
  const int64_t chunk_elements = args.shape.groups * cut.sum_elements();
  float* to = static_cast<float*>(args.weight_gradient) + channel * cut.depth * cut.taps;
  for (int64_t g = 0; g < cut.tap_groups; ++g) {
    const int64_t first = g * cut.group_taps;
    const int64_t elements = std::min(cut.group_taps, cut.taps - first) * cut.depth;
    const float* from = sums + group * cut.sum_elements() + g * cut.group_elements();
    for (int64_t k = 0; k < elements; k += cut.width) {
      const float* line = from + (k / cut.width * cut.columns + column) * cut.width;
      float total[convolution_max_tile_columns];
      std::copy_n(line, cut.width, total);
      for (int64_t chunk = 1; chunk < cut.chunks; ++chunk)
        for (int64_t j = 0; j < cut.width; ++j) total[j] += line[chunk * chunk_elements + j];
      int64_t tap = first + k / cut.depth, c = k % cut.depth;
      for (int64_t j = 0; j < std::min(cut.width, elements - k); ++j) {
        to[c * cut.taps + tap] = total[j];
        if (++c == cut.depth) c = 0, ++tap;
      }
    }
  }
}

}  // namespace

void convolution_backward_weight_cpu_channels_last(const ConvolutionBackwardWeightArgs& args,
                                                   void* workspace) {
  const ConvolutionShape& s = args.shape;
  if (s.out_channels == 0 || s.in_channels == 0) return;
  const Cut cut = cut_of(s);
  if (s.batch == 0) {
    std::fill_n(static_cast<float*>(args.weight_gradient), s.out_channels * cut.depth * cut.taps,
                0.0f);
    return;
  }
  auto* sums = static_cast<float*>(workspace);
  const int64_t parts = cut.tile_parts * cut.tap_parts;
  parallel_for(cut.chunks * s.groups * parts, [&](int64_t i) {
    const FlushDenormals flush;
    const int64_t tile_part = i / cut.tap_parts % cut.tile_parts, tap_part = i % cut.tap_parts;
    run_task(
        args, cut,
        {i / parts / s.groups, i / parts % s.groups, cut.tiles * tile_part / cut.tile_parts,
         cut.tiles * (tile_part + 1) / cut.tile_parts, cut.tap_groups * tap_part / cut.tap_parts,
         cut.tap_groups * (tap_part + 1) / cut.tap_parts},
        sums);
  });
  parallel_for(s.out_channels, [&](int64_t channel) { finish_channel(args, cut, channel, sums); });
}

int64_t convolution_backward_weight_channels_last_workspace(const ConvolutionShape& shape) {
  if (shape.out_channels == 0 || shape.in_channels == 0) return 0;
  const Cut cut = cut_of(shape);
  return cut.chunks * shape.groups * cut.sum_elements() * static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
