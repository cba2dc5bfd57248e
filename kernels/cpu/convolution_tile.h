// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gradus::kernels {

inline constexpr int convolution_tile_rows = 6;
inline constexpr int convolution_max_tile_columns = 32;

// c[at[r] * ldc + j] = start[j] + the sum, over taps t and k < depth in order, of
//                      x[t * x_step + r][skip + k] * w[(t * depth + k) * columns + j]
// for the rows r of a tile and j < columns. Without `start` the old c takes its place.
struct ConvolutionRowsCall {
  int64_t taps, depth;
  const float* const* x;  // where each row of the tile reads, tap after tap
  int64_t x_step, skip;
  const float* w;
  const float* start;
  float* c;
  const int64_t* at;
  int64_t ldc;
};

// c[r * columns + j] = (or += with `add`) the sum over p < count, in order, of
//                      y[at[p] * convolution_tile_rows + r] * x[p * columns + j]
struct ConvolutionSumsCall {
  int64_t count;
  const float* x;
  const float* y;
  const int64_t* at;
  float* c;
  bool add;
};

// to[i * columns + j] = from[i][skip + j] for i < count and j < columns
struct ConvolutionCopyCall {
  int64_t count;
  const float* const* from;
  int64_t skip;
  float* to;
};

// The innermost products of channels-last convolutions; entry r - 1 is for tiles of r rows. `rows`
// reads inputs in place, by one pointer for each output position and tap, so no patches are packed.
struct ConvolutionTile {
  int columns;
  void (*rows[convolution_tile_rows])(const ConvolutionRowsCall& call);
  void (*sums[convolution_tile_rows])(const ConvolutionSumsCall& call);
  void (*copy)(const ConvolutionCopyCall& call);
};

extern const ConvolutionTile convolution_tile_base, convolution_tile_avx2, convolution_tile_avx512;

// The tile for the running processor.
const ConvolutionTile& convolution_tile();

}  // namespace gradus::kernels
