// SPDX-License-Identifier: Apache-2.0
// The weights of row norms.
#pragma once

#include "kernels/common/division.h"
#include "kernels/cuda/mixed_numbers.h"
#include "kernels/cuda/row_lanes.h"
#include "kernels/row_norm.h"

namespace gradus::kernels {

template <class T>
struct NormWeights {
  MixedNumbers weight, bias;
  RowNormShape shape;

  // Of V neighbouring columns from `col` on.
  template <int V>
  DEV void read(Compute<T> (&values)[V], const MixedNumbers& from, int64_t row, int64_t col,
                Compute<T> otherwise) const {
    if (from.data == nullptr) {
#pragma unroll
      for (int j = 0; j < V; ++j) values[j] = otherwise;
      return;
    }
    const int64_t first = shape.period > 1 ? quotient_of(row, shape.period).rest *
                                                 quotient_of(shape.cols, shape.inner).whole
                                           : 0;
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const int64_t channel = shape.inner > 1 ? quotient_of(col + j, shape.inner).whole : col + j;
      values[j] = from.at<T>(first + channel);
    }
  }
};

}  // namespace gradus::kernels
