// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"
#include "kernels/index_array.h"

namespace gradus::kernels {

enum class SegmentReduction { sum, mean, amax, amin, prod };

// out[s, i] = reduction of x[r, i] over the rows r of segment s, in row order, in f64; x is (rows,
// inner), out (segments, inner). Row r belongs to segment ids[r], or, with offsets, to the s with
// offsets[s] <= r < offsets[s + 1]. An empty segment gives 0, NaN, -inf, inf or 1. NaN wins in amax
// and amin. Requires: one of ids and offsets (segments + 1 numbers); f32 or f64; `sums` holds
// segments * inner f64, `numbers` rows + segments i64. Throws Error(bad_data) for an id outside [0,
// segments) and for offsets that do not rise from 0 to rows.
struct SegmentReduceArgs {
  DType dtype;
  SegmentReduction reduction;
  const void* x;
  IndexArray ids;      // data null: offsets
  IndexArray offsets;  // data null: ids
  void* out;
  int64_t rows, segments, inner;
  double* sums;
  int64_t* numbers;
};

void segment_reduce_cpu(const SegmentReduceArgs& args);

}  // namespace gradus::kernels
