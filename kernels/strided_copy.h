// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/shape.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// out[i0, i1, ...] = x[offset + i0 * strides[0] + i1 * strides[1] + ...] for every index of
// `shape`; out is dense row-major. Strides and offset count elements; strides may be 0 (expand) or
// negative (flip). Serves permute, expand, slice and flip. Requires: element_bytes in {1, 2, 4, 8};
// every index stays inside x; x and out do not overlap.
struct StridedCopyArgs {
  int64_t element_bytes;
  const void* x;
  void* out;
  Shape shape;
  std::array<int64_t, Shape::max_rank> strides;
  int64_t offset = 0;
};

void strided_copy_cpu(const StridedCopyArgs& args);
void strided_copy_cuda(const StridedCopyArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
