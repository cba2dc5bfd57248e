// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/shape.h"

namespace gradus::kernels {

// The transpose of strided_copy: out[offset + i0 * strides[0] + i1 * strides[1] + ...] = x[i0, i1,
// ...] for every index of `shape`, and zero bytes elsewhere; x is dense row-major. Strides and
// offset count elements. Serves the gradient of slice. Requires: element_bytes in {1, 2, 4, 8}; no
// two indices of `shape` meet in one element of out; every index stays inside out's `out_count`
// elements; x and out do not overlap.
struct StridedPlaceArgs {
  int64_t element_bytes;
  const void* x;
  void* out;
  int64_t out_count;
  Shape shape;
  std::array<int64_t, Shape::max_rank> strides;
  int64_t offset = 0;
};

void strided_place_cpu(const StridedPlaceArgs& args);

}  // namespace gradus::kernels
