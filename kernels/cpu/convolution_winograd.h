// SPDX-License-Identifier: Apache-2.0
// The sizes of a Winograd convolution, and its stages as one instruction set has them.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gradus::kernels {

// 3 x 3, stride 1, of channels-last f32: result (batch, out_height, out_width, columns) from source
// (batch, height, width, depth). Position (y, x) of the result reads source position
// (y - pad_height + a, x - pad_width + b) through element (a, b) of the kernel, or (2 - a, 2 - b)
// if `flipped`. Weights of (k, column) begin at k * weight_depth + column * weight_column.
struct WinogradProduct {
  int64_t batch, height, width, depth, out_height, out_width, columns, pad_height, pad_width;
  int64_t weight_depth, weight_column;
  bool flipped;
  const float *source, *weight, *bias;
  float* result;

  int64_t tile_rows() const { return (out_height + 1) / 2; }
  int64_t tile_columns() const { return (out_width + 1) / 2; }
  int64_t tiles() const { return batch * tile_rows() * tile_columns(); }
};

// Results are made in tiles of 2 x 2, some at a time: a block's source and result, transformed,
// stay in the L2 cache. Blocks are dealt out to slots, each with memory of its own. By shape alone.
struct WinogradCut {
  static constexpr int64_t points = 16;
  static constexpr int64_t block_elements = 1 << 18, most_slots = 16;

  explicit WinogradCut(const WinogradProduct& p)
      : block_tiles(std::clamp<int64_t>(
            block_elements / (points * std::max<int64_t>(p.depth + p.columns, 1)), 32, 96)),
        blocks((p.tiles() + block_tiles - 1) / block_tiles),
        slots(std::min(blocks, most_slots)),
        weights(points * p.depth * p.columns),
        slot_elements(points * block_tiles * (p.depth + p.columns)) {}

  int64_t block_tiles, blocks, slots, weights, slot_elements;
  int64_t elements() const { return weights + slots * slot_elements; }
};

// The weight gradient: `weight` is not read, `slopes` is the gradient of result's size, and
// `weight_gradient` is (columns, depth, 3, 3). Blocks of tiles are transformed by all threads, then
// each point's sums over the block's tiles are made by one.
struct WinogradWeightCut {
  static constexpr int64_t points = 16, block_elements = 1 << 21;
  static constexpr int64_t least_tiles = 128, task_tiles = 16;

  explicit WinogradWeightCut(const WinogradProduct& p)
      : block_tiles(std::max(least_tiles, block_elements /
                                              (points * std::max<int64_t>(p.depth + p.columns, 1)) /
                                              task_tiles * task_tiles)),
        weights(points * p.depth * p.columns) {}

  int64_t block_tiles, weights;
  int64_t elements(const WinogradProduct& p) const {
    return weights + points * block_tiles * (p.depth + p.columns);
  }
};

void convolution_winograd_avx2(const WinogradProduct& p, float* workspace);
void convolution_winograd_avx512(const WinogradProduct& p, float* workspace);
void convolution_weight_winograd_avx2(const WinogradProduct& p, const float* slopes,
                                      float* weight_gradient, float* workspace);
void convolution_weight_winograd_avx512(const WinogradProduct& p, const float* slopes,
                                        float* weight_gradient, float* workspace);

}  // namespace gradus::kernels
