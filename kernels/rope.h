// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace gradus::kernels {

// Rotary position embedding (Su et al. 2021): pair k of a row of `width` elements at position m is
// rotated by the angle m * base^(-2k / width), or by its negative where `inverse`:
//   out[a] = x[a] cos - x[b] sin,  out[b] = x[a] sin + x[b] cos
// with (a, b) = (2k, 2k + 1) where interleaved (GPT-J), else (k, k + width / 2) (GPT-NeoX, Llama).
// The position of a row is offset + positions[...], where positions (i64, dense) broadcasts to
// `rows`, the shape of x without its last dim; without positions it is offset + the row's index in
// the last dim of `rows`. Angles are computed in f64. Requires: width is even; `table` holds
// rope_table_count(args) elements of `dtype`. out may be the memory of x.
struct RopeArgs {
  DType dtype;
  const void* x;
  const int64_t* positions;  // null: row index
  void* out;
  Shape rows;
  Shape position_shape;  // aligned with the last dims of rows
  int64_t width;
  double base;
  int64_t offset;
  bool interleaved, inverse;
  void* table;
};

// cos and sin for each different position.
int64_t rope_table_count(const RopeArgs& args);

void rope_cpu(const RopeArgs& args);

}  // namespace gradus::kernels
