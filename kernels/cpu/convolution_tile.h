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

// c[r * ldc + j] = w[j] + the sum, over p < places in order, of
//                  x[place[p] + r * step] * w[(1 + p) * columns + j]
struct ConvolutionLinesCall {
  int64_t places;
  const int64_t* place;
  const float* x;
  int64_t step;
  const float* w;
  float* c;
  int64_t ldc;
};

// c[r * columns + j] = (or += with `add`) the sum over h < heights and w < widths, in order, of
//                      x[place[r] + h * height_step + w * step] * y[h * y_height_step + w * y_step
//                      + j]
struct ConvolutionLineSumsCall {
  int64_t heights, widths;
  const float* x;
  const int64_t* place;
  int64_t step, height_step;
  const float* y;
  int64_t y_step, y_height_step;
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
// reads inputs in place, by one pointer for each output position and tap, so no patches are packed;
// `lines` and `line_sums` read inputs of few channels, where one table of places serves all.
struct ConvolutionTile {
  int columns;
  void (*rows[convolution_tile_rows])(const ConvolutionRowsCall& call);
  void (*sums[convolution_tile_rows])(const ConvolutionSumsCall& call);
  void (*lines[convolution_tile_rows])(const ConvolutionLinesCall& call);
  void (*line_sums[convolution_tile_rows])(const ConvolutionLineSumsCall& call);
  void (*copy)(const ConvolutionCopyCall& call);
};

extern const ConvolutionTile convolution_tile_base, convolution_tile_avx2, convolution_tile_avx512;

// The tile for the running processor.
const ConvolutionTile& convolution_tile();

}  // namespace gradus::kernels
