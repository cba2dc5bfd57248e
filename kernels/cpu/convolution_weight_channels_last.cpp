// SPDX-License-Identifier: Apache-2.0
// The weight gradient of channels-last convolutions: for each tap, products (input channels,
// positions) x (positions, output channels) that read the input in place. Chunks of images have
// sums of their own, which are added in order.
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
constexpr int64_t task_panels = 4;

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// How the work is cut: a task is a chunk of images, a group of channels, up to task_panels panels
// of output channels and a part of the groups of taps.
struct Cut {
  int64_t taps, depth, columns, width, panels;  // of one group of channels
  int64_t chunk_images, chunks;
  int64_t panel_parts, group_taps, tap_groups, tap_parts;

  int64_t panel_elements() const { return taps * depth * width; }
};

Cut cut_of(const ConvolutionShape& s) {
  Cut cut{};
  cut.taps = s.kernel_size();
  cut.depth = s.group_in_channels();
  cut.columns = s.group_out_channels();
  cut.width = convolution_tile().columns;
  cut.panels = blocks(cut.columns, cut.width);
  const int64_t sums = std::max<int64_t>(s.groups * cut.panels * cut.panel_elements(), 1);
  const int64_t chunks = std::clamp<int64_t>(most_sums / sums, 1, most_chunks);
  cut.chunk_images =
      std::max(blocks(least_chunk_positions, s.output_size()), blocks(s.batch, chunks));
  cut.chunks = blocks(s.batch, cut.chunk_images);
  cut.panel_parts = blocks(cut.panels, task_panels);
  cut.group_taps =
      ConvolutionRows::group_taps(TapMap::forward(s), std::max<int64_t>(cut.depth, 1), 1);
  cut.tap_groups = blocks(cut.taps, cut.group_taps);
  const int64_t tasks = std::max<int64_t>(cut.chunks * s.groups * cut.panel_parts, 1);
  cut.tap_parts = std::min(cut.tap_groups, blocks(least_tasks, tasks));
  return cut;
}

struct Task {
  int64_t chunk, group, panel, panels, tap_group, tap_group_end;
};

// Copies and fills up with zeros, mostly in whole vectors.
inline void copy_line(const float* from, int64_t filled, int64_t width, float* to) {
  if (filled == width)
    for (int64_t j = 0; j < width; j += 8) std::memcpy(to + j, from + j, 8 * sizeof(float));
  else
    for (int64_t j = 0; j < width; ++j) to[j] = j < filled ? from[j] : 0;
}

// y: (panel, position, column of a tile), zeros past the last column.
void pack_gradient(const ConvolutionBackwardWeightArgs& args, const Cut& cut, const Task& task,
                   int64_t first, int64_t count, float* y) {
  const ConvolutionShape& s = args.shape;
  const int64_t column = task.panel * cut.width;
  const float* from = static_cast<const float*>(args.output_gradient) + first * s.out_channels +
                      task.group * cut.columns + column;
  for (int64_t i = 0; i < count; ++i, from += s.out_channels)
    for (int64_t panel = 0; panel < task.panels; ++panel) {
      const int64_t filled = std::min(cut.width, cut.columns - column - panel * cut.width);
      float* to = y + (panel * block_positions + i) * cut.width;
      copy_line(from + panel * cut.width, filled, cut.width, to);
    }
}

// Adds the positions and taps chosen in `rows` to the task's sums, where `tap` begins.
void add_products(const Cut& cut, const Task& task, const ConvolutionRows& rows, int64_t tap,
                  const float* y, bool add, float* sums) {
  const ConvolutionTile& tile = convolution_tile();
  const int64_t tiles = blocks(rows.depth(), convolution_tile_rows);
  for (int64_t panels = 0; panels < task.panels; panels += 2)
    for (int64_t i = 0, k = 0; i < tiles; ++i) {
      const int64_t height = (rows.depth() - k) / (tiles - i);
      for (int64_t panel = panels; panel < std::min(panels + 2, task.panels); ++panel)
        tile.sums[height - 1](
            {rows.count(), rows.x(), k, rows.at(), y + panel * block_positions * cut.width,
             sums + panel * cut.panel_elements() + (tap * cut.depth + k) * cut.width, add});
      k += height;
    }
}

void run_task(const ConvolutionBackwardWeightArgs& args, const Cut& cut, const Task& task,
              float* all_sums) {
  const ConvolutionShape& s = args.shape;
  alignas(64) float y[task_panels * block_positions * convolution_max_tile_columns];
  ConvolutionRows rows(TapMap::forward(s),
                       static_cast<const float*>(args.input) + task.group * cut.depth,
                       s.in_channels, cut.depth, cut.group_taps);
  float* sums = all_sums + ((task.chunk * s.groups + task.group) * cut.panels + task.panel) *
                               cut.panel_elements();
  const int64_t begin = task.chunk * cut.chunk_images * s.output_size();
  const int64_t end =
      std::min(begin + cut.chunk_images * s.output_size(), s.batch * s.output_size());
  for (int64_t first = begin; first < end; first += block_positions) {
    const int64_t count = std::min(block_positions, end - first);
    rows.set_positions(first, count);
    pack_gradient(args, cut, task, first, count, y);
    for (int64_t group = task.tap_group; group < task.tap_group_end; ++group) {
      const int64_t tap = group * cut.group_taps;
      rows.set_taps(tap, std::min(cut.group_taps, cut.taps - tap));
      add_products(cut, task, rows, tap, y, first > begin, sums);
    }
  }
}

// Adds the chunks' sums of one panel and puts them in the weights' order.
void finish_panel(const ConvolutionBackwardWeightArgs& args, const Cut& cut, int64_t group,
                  int64_t panel, const float* sums) {
  const int64_t column = panel * cut.width, filled = std::min(cut.width, cut.columns - column);
  const int64_t weights = cut.depth * cut.taps;
  const int64_t chunk_elements = args.shape.groups * cut.panels * cut.panel_elements();
  float* to = static_cast<float*>(args.weight_gradient) + (group * cut.columns + column) * weights;
  const float* from = sums + (group * cut.panels + panel) * cut.panel_elements();
  for (int64_t c = 0; c < cut.depth; ++c)
    for (int64_t tap = 0; tap < cut.taps; ++tap) {
      const float* line = from + (tap * cut.depth + c) * cut.width;
      float total[convolution_max_tile_columns];
      std::copy_n(line, cut.width, total);
      for (int64_t chunk = 1; chunk < cut.chunks; ++chunk)
        for (int64_t j = 0; j < cut.width; ++j) total[j] += line[chunk * chunk_elements + j];
      for (int64_t j = 0; j < filled; ++j) to[j * weights + c * cut.taps + tap] = total[j];
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
  const int64_t parts = cut.panel_parts * cut.tap_parts;
  parallel_for(cut.chunks * s.groups * parts, [&](int64_t i) {
    const FlushDenormals flush;
    const int64_t panel = i / cut.tap_parts % cut.panel_parts * task_panels;
    const int64_t part = i % cut.tap_parts;
    run_task(args, cut,
             {i / parts / s.groups, i / parts % s.groups, panel,
              std::min(task_panels, cut.panels - panel), cut.tap_groups * part / cut.tap_parts,
              cut.tap_groups * (part + 1) / cut.tap_parts},
             sums);
  });
  parallel_for(s.groups * cut.panels,
               [&](int64_t i) { finish_panel(args, cut, i / cut.panels, i % cut.panels, sums); });
}

int64_t convolution_backward_weight_channels_last_workspace(const ConvolutionShape& shape) {
  const Cut cut = cut_of(shape);
  return cut.chunks * shape.groups * cut.panels * cut.panel_elements() *
         static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
