// SPDX-License-Identifier: Apache-2.0
// The weight gradient of a Winograd convolution (convolution_winograd_lanes.h has the notation):
//   dg = G' [ sum over tiles of (A dY A') * (B' d B) ] G,
// for each point a matrix product (columns, tiles) x (tiles, depth). Included by
// convolution_winograd_avx2.cpp and convolution_winograd_avx512.cpp.
#pragma once

#if defined(__AVX2__)

#include "kernels/cpu/convolution_winograd_lanes.h"

namespace gradus::kernels {
namespace {

// A y A' of a 2 x 2 tile.
template <class To>
inline void transform_slopes(const Lanes* y, To&& to) {
  Lanes rows[4][2];
  for (int b = 0; b < 2; ++b) {
    rows[0][b] = y[b];
    rows[1][b] = y[b] + y[2 + b];
    rows[2][b] = y[b] - y[2 + b];
    rows[3][b] = Lanes::zero() - y[2 + b];
  }
  for (int i = 0; i < 4; ++i) {
    to(i, 0, rows[i][0]);
    to(i, 1, rows[i][0] + rows[i][1]);
    to(i, 2, rows[i][0] - rows[i][1]);
    to(i, 3, Lanes::zero() - rows[i][1]);
  }
}

// G' u G.
template <class From, class To>
inline void transform_weight_sums(From&& u, To&& to) {
  const Lanes half = Lanes::all(0.5f);
  Lanes rows[3][4];
  for (int b = 0; b < 4; ++b) {
    const Lanes plus = (u(1, b) + u(2, b)) * half;
    rows[0][b] = u(0, b) + plus;
    rows[1][b] = (u(1, b) - u(2, b)) * half;
    rows[2][b] = plus + u(3, b);
  }
  for (int i = 0; i < 3; ++i) {
    const Lanes plus = (rows[i][1] + rows[i][2]) * half;
    to(i * 3, rows[i][0] + plus);
    to(i * 3 + 1, (rows[i][1] - rows[i][2]) * half);
    to(i * 3 + 2, plus + rows[i][3]);
  }
}

// Transformed tiles of a block, sixteen channels or columns beside each other: sources (point,
// depth / 16, tile, 16) and slopes (point, columns / 16, tile, 16).
struct WinogradBlock {
  int64_t tiles;
  float *sources, *slopes;
};

// c[r * 16 + j] = or += the sum over t of slopes[t * 16 + r] * sources[t * 16 + j].
template <int Rows>
inline void add_outer_products(int64_t count, const float* slopes, const float* sources, float* c,
                               bool add) {
  Lanes sums[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r] = add ? Lanes::load(c + r * 16) : Lanes::zero();
  for (int64_t t = 0; t < count; ++t, slopes += 16, sources += 16) {
    const Lanes x = Lanes::load(sources);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) sums[r] = fma(Lanes::all(slopes[r]), x, sums[r]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r].store(c + r * 16);
}

inline void transform_block(const WinogradProduct& p, const float* slopes, int64_t first,
                            const WinogradBlock& block) {
  parallel_range(block.tiles, WinogradWeightCut::task_tiles, [&](int64_t begin, int64_t end) {
    const FlushDenormals flush;
    transform_sources(p, first + begin, end - begin, [&](int64_t point, int64_t t, int64_t c) {
      return block.sources + (point * p.depth + c) * block.tiles + (begin + t) * 16;
    });
    for (int64_t t = begin; t < end; ++t) {
      const WinogradTile tile(p, first + t);
      const float* from[4];
      tile_pointers(slopes, tile.image, p.out_height, p.out_width, p.columns, tile.y, tile.x, 2,
                    from);
      for (int64_t c = 0; c < p.columns; c += 16) {
        Lanes y[4];
        for (int e = 0; e < 4; ++e) y[e] = load_or_zero(from[e], c);
        transform_slopes(y, [&](int64_t i, int64_t j, Lanes value) {
          value.store(block.slopes + ((i * 4 + j) * p.columns + c) * block.tiles + t * 16);
        });
      }
    }
  });
}

// sums (point, depth / 16, column, 16) = or += those of the block.
inline void add_block(const WinogradProduct& p, const WinogradBlock& block, float* sums, bool add) {
  constexpr int64_t tile_block = 128;  // of the sums: what is multiplied stays in L1
  parallel_for(points, [&](int64_t point) {
    const FlushDenormals flush;
    for (int64_t t = 0; t < block.tiles; t += tile_block) {
      const int64_t count = std::min(tile_block, block.tiles - t);
      const bool more = add || t > 0;
      for (int64_t c = 0; c < p.depth; c += 16) {
        const float* sources = block.sources + (point * p.depth + c) * block.tiles + t * 16;
        for (int64_t k = 0; k < p.columns; k += 16) {
          const float* slopes = block.slopes + (point * p.columns + k) * block.tiles + t * 16;
          float* to = sums + (point * p.depth + c) * p.columns + k * 16;
          add_outer_products<6>(count, slopes, sources, to, more);
          add_outer_products<6>(count, slopes + 6, sources, to + 6 * 16, more);
          add_outer_products<4>(count, slopes + 12, sources, to + 12 * 16, more);
        }
      }
    }
  });
}

inline void store_weights(const WinogradProduct& p, const float* sums, float* gradient) {
  parallel_for(p.depth / 16, [&](int64_t panel) {
    const int64_t c = panel * 16;
    for (int64_t k = 0; k < p.columns; ++k) {
      alignas(64) float elements[9][16];
      transform_weight_sums(
          [&](int64_t i, int64_t j) {
            return Lanes::load(sums + ((i * 4 + j) * p.depth + c) * p.columns + k * 16);
          },
          [&](int64_t e, Lanes value) { value.store(elements[e]); });
      float* to = gradient + (k * p.depth + c) * 9;
      for (int64_t j = 0; j < 16; ++j)
        for (int64_t e = 0; e < 9; ++e) to[j * 9 + e] = elements[e][j];
    }
  });
}

inline void convolution_weight_winograd(const WinogradProduct& p, const float* slopes,
                                        float* gradient, float* workspace) {
  const WinogradWeightCut cut(p);
  if (p.tiles() == 0) {
    std::fill_n(gradient, p.columns * p.depth * 9, 0.f);
    return;
  }
  for (int64_t first = 0; first < p.tiles(); first += cut.block_tiles) {
    WinogradBlock block{std::min(cut.block_tiles, p.tiles() - first), workspace + cut.weights,
                        nullptr};
    block.slopes = block.sources + points * p.depth * block.tiles;
    transform_block(p, slopes, first, block);
    add_block(p, block, workspace, first > 0);
  }
  store_weights(p, workspace, gradient);
}

}  // namespace
}  // namespace gradus::kernels

#endif
