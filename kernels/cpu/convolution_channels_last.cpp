// SPDX-License-Identifier: Apache-2.0
// Convolutions of channels-last tensors, and their adjoints in the input, as sums of products
// (positions, channels) x (channels, columns), one for each tap, whose left operands are rows of
// the source itself. A block of positions stays in the L2 cache, a part of a panel of weights in
// L1.
#include <algorithm>

#include "engine/base/parallel.h"
#include "kernels/convolution.h"
#include "kernels/cpu/convolution_rows.h"
#include "kernels/cpu/convolution_tile.h"

namespace gradus::kernels {
namespace {

constexpr int64_t least_tasks = 16;
constexpr int64_t group_elements = 320;  // of a group of taps
constexpr int64_t block_channels = 256;  // of the sums, wanted at a time

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// result[position, column] = bias[column] + sum over taps and `depth` channels, for each group.
// Element (k, column, tap) of a group's weights is at k * weight_depth + column * weight_column +
// tap.
struct Product {
  TapMap map;
  int64_t positions, groups, depth, columns;
  int64_t weight_depth, weight_column;
  const float *source, *weight, *bias;
  float* result;

  int64_t taps() const { return map.kernel[0] * map.kernel[1] * map.kernel[2]; }
  int64_t panels() const { return blocks(columns, convolution_tile().columns); }
  int64_t panel_elements() const { return taps() * depth * convolution_tile().columns; }
};

Product forward_product(const ConvolutionShape& s) {
  const int64_t taps = s.kernel_size(), depth = s.group_in_channels();
  return {TapMap::forward(s),
          s.batch * s.output_size(),
          s.groups,
          depth,
          s.group_out_channels(),
          taps,
          depth * taps,
          nullptr,
          nullptr,
          nullptr,
          nullptr};
}

Product backward_product(const ConvolutionShape& s) {
  const int64_t taps = s.kernel_size(), columns = s.group_in_channels();
  return {TapMap::backward(s),
          s.batch * s.input_size(),
          s.groups,
          s.group_out_channels(),
          columns,
          columns * taps,
          taps,
          nullptr,
          nullptr,
          nullptr,
          nullptr};
}

int64_t workspace_elements(const Product& p) { return p.groups * p.panels() * p.panel_elements(); }

// One panel of weights: (taps, depth, columns of a tile), zeros past the last column.
void pack_panel(const Product& p, int64_t group, int64_t panel, float* to) {
  const int64_t width = convolution_tile().columns, taps = p.taps(), column = panel * width;
  const int64_t filled = std::min(width, p.columns - column);
  const float* from = p.weight + group * p.columns * p.depth * taps + column * p.weight_column;
  for (int64_t k = 0; k < p.depth; ++k)
    for (int64_t tap = 0; tap < taps; ++tap) {
      const float* source = from + k * p.weight_depth + tap;
      float* line = to + (tap * p.depth + k) * width;
      for (int64_t j = 0; j < filled; ++j) line[j] = source[j * p.weight_column];
      for (int64_t j = filled; j < width; ++j) line[j] = 0;
    }
}

// What one task makes: positions [first, first + count) by panels [panel, panel_end) of a group.
struct Block {
  int64_t group, first, count, panel, panel_end;
};

// A tile whose panel has fewer columns than a tile, by way of a whole one.
void run_narrow(const ConvolutionTile& tile, ConvolutionRowsCall call, int64_t rows,
                int64_t columns) {
  alignas(64) float whole[convolution_tile_rows * convolution_max_tile_columns] = {};
  const int64_t width = tile.columns;
  int64_t at[convolution_tile_rows];
  for (int64_t r = 0; r < rows; ++r) {
    const float* start = call.start ? call.start : call.c + call.at[r] * call.ldc;
    std::copy_n(start, columns, whole + r * width);
    at[r] = r;
  }
  ConvolutionRowsCall inner = call;
  inner.start = nullptr;
  inner.c = whole;
  inner.at = at;
  inner.ldc = width;
  tile.rows[rows - 1](inner);
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(whole + r * width, columns, call.c + call.at[r] * call.ldc);
}

// All rows of `call`, split into tiles of nearly equal height.
void run_rows(const ConvolutionTile& tile, ConvolutionRowsCall call, int64_t count,
              int64_t columns) {
  const int64_t tiles = blocks(count, convolution_tile_rows);
  for (int64_t i = 0, row = 0; i < tiles; ++i) {
    const int64_t rows = (count - row) / (tiles - i);
    if (columns == tile.columns)
      tile.rows[rows - 1](call);
    else
      run_narrow(tile, call, rows, columns);
    call.x += rows;
    call.at += rows;
    row += rows;
  }
}

alignas(64) constexpr float no_bias[convolution_max_tile_columns] = {};

const float* bias_of(const Product& p, int64_t group, int64_t column) {
  return p.bias ? p.bias + group * p.columns + column : no_bias;
}

// Gives the bias to positions of the block that read nothing through the first group of taps.
void start_others(const Product& p, const Block& b, const ConvolutionRows& rows, float* c) {
  const int64_t width = convolution_tile().columns, begin = b.panel * width;
  const int64_t end = std::min(b.panel_end * width, p.columns), ldc = p.groups * p.columns;
  if (rows.count() == b.count) return;
  const float* bias = p.bias ? p.bias + b.group * p.columns : nullptr;
  for (int64_t i = 0; i < b.count; ++i) {
    if (rows.reads(i)) continue;
    if (bias)
      std::copy(bias + begin, bias + end, c + i * ldc + begin);
    else
      std::fill(c + i * ldc + begin, c + i * ldc + end, 0.0f);
  }
}

void run_block(const Product& p, const Block& b, const float* packed) {
  const ConvolutionTile& tile = convolution_tile();
  const int64_t ldc = p.groups * p.columns, width = tile.columns, taps = p.taps();
  const int64_t group = ConvolutionRows::group_taps(p.map, p.depth, group_elements);
  ConvolutionRows rows(p.map, p.source + b.group * p.depth, p.groups * p.depth, p.depth, group);
  rows.set_positions(b.first, b.count);
  float* c = p.result + b.first * ldc + b.group * p.columns;
  for (int64_t tap = 0; tap < taps; tap += group) {
    rows.set_taps(tap, std::min(group, taps - tap));
    if (tap == 0) start_others(p, b, rows, c);
    const int64_t parts = rows.taps() > 1 ? 1 : blocks(rows.depth(), block_channels);
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t k0 = rows.depth() * part / parts, k1 = rows.depth() * (part + 1) / parts;
      for (int64_t panel = b.panel; panel < b.panel_end; ++panel) {
        const float* w = packed + (b.group * p.panels() + panel) * p.panel_elements() +
                         (tap * p.depth + k0) * width;
        const bool first = tap == 0 && part == 0;
        run_rows(tile,
                 {rows.taps(), k1 - k0, rows.x(), rows.x_step(), k0, w,
                  first ? bias_of(p, b.group, panel * width) : nullptr, c + panel * width,
                  rows.at(), ldc},
                 rows.count(), std::min(width, p.columns - panel * width));
      }
    }
  }
}

// Positions of one task: more where a tap serves only some of them.
int64_t block_positions(const Product& p) {
  const auto& divide = p.map.divide;
  return std::any_of(divide.begin(), divide.end(), [](int64_t by) { return by > 1; }) ? 192 : 96;
}

void run(const Product& p, float* packed) {
  if (p.positions == 0 || p.columns == 0) return;
  if (p.depth == 0) {
    for (int64_t i = 0; i < p.positions; ++i)
      for (int64_t j = 0; j < p.groups * p.columns; ++j)
        p.result[i * p.groups * p.columns + j] = p.bias ? p.bias[j] : 0;
    return;
  }
  const int64_t panels = p.panels();
  parallel_for(p.groups * panels, [&](int64_t i) {
    pack_panel(p, i / panels, i % panels, packed + i * p.panel_elements());
  });
  const int64_t height = block_positions(p), row_blocks = blocks(p.positions, height);
  const int64_t parts = std::min(panels, blocks(least_tasks, row_blocks * p.groups));
  parallel_for(row_blocks * p.groups * parts, [&](int64_t task) {
    const FlushDenormals flush;
    const int64_t part = task % parts, first = task / parts / p.groups * height;
    run_block(p,
              {task / parts % p.groups, first, std::min(height, p.positions - first),
               panels * part / parts, panels * (part + 1) / parts},
              packed);
  });
}

}  // namespace

void convolution_cpu_channels_last(const ConvolutionArgs& args, void* workspace) {
  Product p = forward_product(args.shape);
  p.source = static_cast<const float*>(args.input);
  p.weight = static_cast<const float*>(args.weight);
  p.bias = static_cast<const float*>(args.bias);
  p.result = static_cast<float*>(args.output);
  run(p, static_cast<float*>(workspace));
}

int64_t convolution_channels_last_workspace(const ConvolutionShape& shape) {
  return workspace_elements(forward_product(shape)) * static_cast<int64_t>(sizeof(float));
}

void convolution_backward_input_cpu_channels_last(const ConvolutionBackwardInputArgs& args,
                                                  void* workspace) {
  Product p = backward_product(args.shape);
  p.source = static_cast<const float*>(args.output_gradient);
  p.weight = static_cast<const float*>(args.weight);
  p.result = static_cast<float*>(args.input_gradient);
  run(p, static_cast<float*>(workspace));
}

int64_t convolution_backward_input_channels_last_workspace(const ConvolutionShape& shape) {
  return workspace_elements(backward_product(shape)) * static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
