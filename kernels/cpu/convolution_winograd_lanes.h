// SPDX-License-Identifier: Apache-2.0
// Minimal filtering F(2 x 2, 3 x 3): Lavin and Gray, "Fast algorithms for convolutional neural
// networks" (2015), section 4.1. With d a 4 x 4 tile of the source, g the kernel and Y a 2 x 2 tile
// of the result,
//   Y = A' [ (G g G') * (B' d B) ] A,   * element by element, summed over channels:
// 16 products per channel instead of 36. Sixteen channels are lanes; the sums over channels are
// matrix products, one for each of the 16 points. Included by convolution_winograd_avx2.cpp and
// convolution_winograd_avx512.cpp.
#pragma once

#if defined(__AVX2__)

#include "engine/base/parallel.h"
#include "kernels/cpu/convolution_tile.h"
#include "kernels/cpu/convolution_winograd.h"
#include "kernels/cpu/lanes.h"

namespace gradus::kernels {
namespace {

constexpr int64_t points = WinogradCut::points;
constexpr int64_t depth_block = 256;  // of one pass over a panel of weights: it stays in L1

// G g G' of sixteen kernels; g[a * 3 + b] and to(i, j, value) with i, j < 4.
template <class To>
inline void transform_kernel(const Lanes* g, To&& to) {
  const Lanes half = Lanes::all(0.5f);
  Lanes rows[4][3];
  for (int b = 0; b < 3; ++b) {
    const Lanes outer = (g[b] + g[6 + b]) * half, middle = g[3 + b] * half;
    rows[0][b] = g[b];
    rows[1][b] = outer + middle;
    rows[2][b] = outer - middle;
    rows[3][b] = g[6 + b];
  }
  for (int i = 0; i < 4; ++i) {
    const Lanes outer = (rows[i][0] + rows[i][2]) * half, middle = rows[i][1] * half;
    to(i, 0, rows[i][0]);
    to(i, 1, outer + middle);
    to(i, 2, outer - middle);
    to(i, 3, rows[i][2]);
  }
}

// B' d B.
template <class To>
inline void transform_source(const Lanes* d, To&& to) {
  Lanes rows[4][4];
  for (int b = 0; b < 4; ++b) {
    rows[0][b] = d[b] - d[8 + b];
    rows[1][b] = d[4 + b] + d[8 + b];
    rows[2][b] = d[8 + b] - d[4 + b];
    rows[3][b] = d[4 + b] - d[12 + b];
  }
  for (int i = 0; i < 4; ++i) {
    to(i, 0, rows[i][0] - rows[i][2]);
    to(i, 1, rows[i][1] + rows[i][2]);
    to(i, 2, rows[i][2] - rows[i][1]);
    to(i, 3, rows[i][1] - rows[i][3]);
  }
}

// A' m A.
template <class From, class To>
inline void transform_result(From&& m, To&& to) {
  Lanes rows[2][4];
  for (int b = 0; b < 4; ++b) {
    const Lanes middle = m(1, b), minus = m(2, b);
    rows[0][b] = m(0, b) + middle + minus;
    rows[1][b] = middle - minus - m(3, b);
  }
  for (int i = 0; i < 2; ++i) {
    to(i, 0, rows[i][0] + rows[i][1] + rows[i][2]);
    to(i, 1, rows[i][1] - rows[i][2] - rows[i][3]);
  }
}

// Weights as (point, panel, depth, columns of a panel).
inline void transform_weights(const WinogradProduct& p, float* to) {
  const int64_t width = convolution_tile().columns, panels = p.columns / width;
  parallel_for(panels, [&](int64_t panel) {
    for (int64_t k = 0; k < p.depth; ++k)
      for (int64_t column = 0; column < width; column += 16) {
        alignas(64) float g[9][16];
        for (int64_t j = 0; j < 16; ++j) {
          const float* from =
              p.weight + k * p.weight_depth + (panel * width + column + j) * p.weight_column;
          for (int64_t e = 0; e < 9; ++e) g[e][j] = from[p.flipped ? 8 - e : e];
        }
        Lanes lanes[9];
        for (int e = 0; e < 9; ++e) lanes[e] = Lanes::load(g[e]);
        transform_kernel(lanes, [&](int64_t i, int64_t j, Lanes value) {
          value.store(to + (((i * 4 + j) * panels + panel) * p.depth + k) * width + column);
        });
      }
  });
}

// Where a tile of the result stands.
struct WinogradTile {
  WinogradTile(const WinogradProduct& p, int64_t tile)
      : image(tile / (p.tile_rows() * p.tile_columns())),
        y(tile / p.tile_columns() % p.tile_rows() * 2),
        x(tile % p.tile_columns() * 2) {}
  int64_t image, y, x;
};

// The square of an activation (images, height, width, channels) that begins at (y, x); null outside
// of it.
inline void tile_pointers(const float* from, int64_t image, int64_t height, int64_t width,
                          int64_t channels, int64_t y, int64_t x, int64_t size,
                          const float** pointers) {
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j) {
      const bool inside = y + i >= 0 && y + i < height && x + j >= 0 && x + j < width;
      pointers[i * size + j] =
          inside ? from + ((image * height + y + i) * width + x + j) * channels : nullptr;
    }
}

inline Lanes load_or_zero(const float* from, int64_t c) {
  return from ? Lanes::load(from + c) : Lanes::zero();
}

// `count` tiles from `first` on; point (i, j) of channels c ... c + 15 of tile t goes to
// to(i * 4 + j, t, c).
template <class To>
inline void transform_sources(const WinogradProduct& p, int64_t first, int64_t count, To&& to) {
  for (int64_t t = 0; t < count; ++t) {
    const WinogradTile tile(p, first + t);
    const float* from[points];
    tile_pointers(p.source, tile.image, p.height, p.width, p.depth, tile.y - p.pad_height,
                  tile.x - p.pad_width, 4, from);
    for (int64_t c = 0; c < p.depth; c += 16) {
      Lanes d[points];
      for (int64_t e = 0; e < points; ++e) d[e] = load_or_zero(from[e], c);
      transform_source(
          d, [&](int64_t i, int64_t j, Lanes value) { value.store(to(i * 4 + j, t, c)); });
    }
  }
}

// `from` is (point, tile, column).
inline void transform_results(const WinogradProduct& p, int64_t first, int64_t count,
                              const float* from) {
  for (int64_t t = 0; t < count; ++t) {
    const WinogradTile tile(p, first + t);
    float* to =
        p.result + ((tile.image * p.out_height + tile.y) * p.out_width + tile.x) * p.columns;
    for (int64_t c = 0; c < p.columns; c += 16) {
      const Lanes bias = p.bias ? Lanes::load(p.bias + c) : Lanes::zero();
      transform_result(
          [&](int64_t i, int64_t j) {
            return Lanes::load(from + ((i * 4 + j) * count + t) * p.columns + c);
          },
          [&](int64_t i, int64_t j, Lanes value) {
            if (tile.y + i < p.out_height && tile.x + j < p.out_width)
              (value + bias).store(to + (i * p.out_width + j) * p.columns + c);
          });
    }
  }
}

// results (point, tile, column) = sources (point, tile, depth) times weights.
inline void multiply_points(const WinogradProduct& p, int64_t count, const float* sources,
                            const float* weights, float* results) {
  const ConvolutionTile& tile = convolution_tile();
  const int64_t width = tile.columns, panels = p.columns / width;
  alignas(64) static constexpr float zeros[convolution_max_tile_columns] = {};
  constexpr int64_t most_tiles = 96;
  const float* rows[most_tiles];
  int64_t at[most_tiles];
  for (int64_t t = 0; t < count; ++t) at[t] = t;
  const int64_t groups = (count + convolution_tile_rows - 1) / convolution_tile_rows;
  for (int64_t point = 0; point < points; ++point) {
    for (int64_t t = 0; t < count; ++t) rows[t] = sources + (point * count + t) * p.depth;
    for (int64_t k = 0; k < p.depth; k += depth_block)
      for (int64_t panel = 0; panel < panels; ++panel) {
        const float* w = weights + ((point * panels + panel) * p.depth + k) * width;
        float* c = results + point * count * p.columns + panel * width;
        for (int64_t group = 0; group < groups; ++group) {
          const int64_t begin = count * group / groups, end = count * (group + 1) / groups;
          tile.rows[end - begin - 1]({1, std::min(depth_block, p.depth - k), rows + begin, 0, k, w,
                                      k == 0 ? zeros : nullptr, c, at + begin, p.columns});
        }
      }
  }
}

inline void convolution_winograd(const WinogradProduct& p, float* workspace) {
  const WinogradCut cut(p);
  if (cut.blocks == 0) return;
  transform_weights(p, workspace);
  parallel_for(cut.slots, [&](int64_t slot) {
    const FlushDenormals flush;
    float* sources = workspace + cut.weights + slot * cut.slot_elements;
    float* results = sources + points * cut.block_tiles * p.depth;
    for (int64_t block = slot; block < cut.blocks; block += cut.slots) {
      const int64_t first = block * cut.block_tiles;
      const int64_t count = std::min(cut.block_tiles, p.tiles() - first);
      transform_sources(p, first, count, [&](int64_t point, int64_t t, int64_t c) {
        return sources + (point * count + t) * p.depth + c;
      });
      multiply_points(p, count, sources, workspace, results);
      transform_results(p, first, count, results);
    }
  });
}

}  // namespace
}  // namespace gradus::kernels

#endif
