// SPDX-License-Identifier: Apache-2.0
// Included by one source file per instruction set, each with its own vector types (in an unnamed
// namespace, so that no two share a symbol).
#pragma once

#include "kernels/cpu/convolution_tile.h"

namespace gradus::kernels {

// Lanes: V (a vector of float), width, and load, store, broadcast, add, multiply_add(a, b, c) =
// a * b + c. Rows * 2 accumulators stay in registers.
template <class Lanes, int Rows>
void convolution_rows_body(const ConvolutionRowsCall& call) {
  using V = typename Lanes::V;
  constexpr int width = Lanes::width;
  V sum[Rows][2];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    const float* from = call.start ? call.start : call.c + call.at[r] * call.ldc;
    sum[r][0] = Lanes::load(from);
    sum[r][1] = Lanes::load(from + width);
  }
  const float* w = call.w;
  const int64_t depth = call.depth;
  const float* const* pointers = call.x;
  for (int64_t tap = 0; tap < call.taps; ++tap, pointers += call.x_step) {
    const float* x[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) x[r] = pointers[r] + call.skip;
    for (int64_t k = 0; k < depth; ++k, w += 2 * width) {
      const V left = Lanes::load(w), right = Lanes::load(w + width);
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const V value = Lanes::broadcast(x[r][k]);
        sum[r][0] = Lanes::multiply_add(value, left, sum[r][0]);
        sum[r][1] = Lanes::multiply_add(value, right, sum[r][1]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    float* to = call.c + call.at[r] * call.ldc;
    Lanes::store(to, sum[r][0]);
    Lanes::store(to + width, sum[r][1]);
  }
}

template <class Lanes, int Rows>
void convolution_sums_body(const ConvolutionSumsCall& call) {
  using V = typename Lanes::V;
  constexpr int width = Lanes::width;
  V sum[Rows][2];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sum[r][0] = sum[r][1] = Lanes::broadcast(0);
  if (call.add)
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) __builtin_prefetch(call.c + 2 * r * width);
  const float* x = call.x;
  for (int64_t p = 0; p < call.count; ++p, x += 2 * width) {
    const float* y = call.y + call.at[p] * convolution_tile_rows;
    const V left = Lanes::load(x), right = Lanes::load(x + width);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const V value = Lanes::broadcast(y[r]);
      sum[r][0] = Lanes::multiply_add(value, left, sum[r][0]);
      sum[r][1] = Lanes::multiply_add(value, right, sum[r][1]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      float* to = call.c + (2 * r + v) * width;
      Lanes::store(to, call.add ? Lanes::add(Lanes::load(to), sum[r][v]) : sum[r][v]);
    }
}

template <class Lanes, int Rows>
void convolution_lines_body(const ConvolutionLinesCall& call) {
  using V = typename Lanes::V;
  constexpr int width = Lanes::width;
  V sum[Rows][2];
  const float* x[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    sum[r][0] = Lanes::load(call.w);
    sum[r][1] = Lanes::load(call.w + width);
    x[r] = call.x + r * call.step;
  }
  const float* w = call.w + 2 * width;
  for (int64_t p = 0; p < call.places; ++p, w += 2 * width) {
    const int64_t at = call.place[p];
    const V left = Lanes::load(w), right = Lanes::load(w + width);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const V value = Lanes::broadcast(x[r][at]);
      sum[r][0] = Lanes::multiply_add(value, left, sum[r][0]);
      sum[r][1] = Lanes::multiply_add(value, right, sum[r][1]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    Lanes::store(call.c + r * call.ldc, sum[r][0]);
    Lanes::store(call.c + r * call.ldc + width, sum[r][1]);
  }
}

template <class Lanes, int Rows>
void convolution_line_sums_body(const ConvolutionLineSumsCall& call) {
  using V = typename Lanes::V;
  constexpr int width = Lanes::width;
  V sum[Rows][2];
  const float* x[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    sum[r][0] = sum[r][1] = Lanes::broadcast(0);
    x[r] = call.x + call.place[r];
  }
  for (int64_t h = 0; h < call.heights; ++h) {
    const float* y = call.y + h * call.y_height_step;
    int64_t at = h * call.height_step;
    for (int64_t w = 0; w < call.widths; ++w, y += call.y_step, at += call.step) {
      const V left = Lanes::load(y), right = Lanes::load(y + width);
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const V value = Lanes::broadcast(x[r][at]);
        sum[r][0] = Lanes::multiply_add(value, left, sum[r][0]);
        sum[r][1] = Lanes::multiply_add(value, right, sum[r][1]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      float* to = call.c + (2 * r + v) * width;
      Lanes::store(to, call.add ? Lanes::add(Lanes::load(to), sum[r][v]) : sum[r][v]);
    }
}

template <class Lanes>
void convolution_copy_body(const ConvolutionCopyCall& call) {
  constexpr int width = Lanes::width;
  float* to = call.to;
  for (int64_t i = 0; i < call.count; ++i, to += 2 * width) {
    const float* from = call.from[i] + call.skip;
    Lanes::store(to, Lanes::load(from));
    Lanes::store(to + width, Lanes::load(from + width));
  }
}

template <class Lanes>
constexpr ConvolutionTile convolution_tile_of() {
  return {2 * Lanes::width,
          {convolution_rows_body<Lanes, 1>, convolution_rows_body<Lanes, 2>,
           convolution_rows_body<Lanes, 3>, convolution_rows_body<Lanes, 4>,
           convolution_rows_body<Lanes, 5>, convolution_rows_body<Lanes, 6>},
          {convolution_sums_body<Lanes, 1>, convolution_sums_body<Lanes, 2>,
           convolution_sums_body<Lanes, 3>, convolution_sums_body<Lanes, 4>,
           convolution_sums_body<Lanes, 5>, convolution_sums_body<Lanes, 6>},
          {convolution_lines_body<Lanes, 1>, convolution_lines_body<Lanes, 2>,
           convolution_lines_body<Lanes, 3>, convolution_lines_body<Lanes, 4>,
           convolution_lines_body<Lanes, 5>, convolution_lines_body<Lanes, 6>},
          {convolution_line_sums_body<Lanes, 1>, convolution_line_sums_body<Lanes, 2>,
           convolution_line_sums_body<Lanes, 3>, convolution_line_sums_body<Lanes, 4>,
           convolution_line_sums_body<Lanes, 5>, convolution_line_sums_body<Lanes, 6>},
          convolution_copy_body<Lanes>};
}

}  // namespace gradus::kernels
