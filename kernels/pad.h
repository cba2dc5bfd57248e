// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "engine/base/shape.h"

namespace gradus::kernels {

enum class PadMode { constant, reflect, replicate, circular };

// One dim of x: `size` elements, of which [first, last) are left after cropping.
struct PadDim {
  int64_t size, first, last;
};

// The place in a dim that position `at` (0 is the first element, negative or beyond size lies in
// the padding) takes its value from, or -1: the fill value. Circular padding repeats what cropping
// left, the other modes see the whole dim, as in PyTorch. Requires -size < at < 2 * size - 1 for
// reflect and first - (last - first) <= at < last + (last - first) for circular.
constexpr int64_t pad_source(PadMode mode, int64_t at, const PadDim& dim) {
  if (mode == PadMode::circular) {
    const int64_t period = dim.last - dim.first;
    return at < dim.first ? at + period : at < dim.last ? at : at - period;
  }
  if (at >= 0 && at < dim.size) return at;
  if (mode == PadMode::constant) return -1;
  if (mode == PadMode::replicate) return at < 0 ? 0 : dim.size - 1;
  return at < 0 ? -at : 2 * (dim.size - 1) - at;
}

// out[i0, i1, ...] = x[pad_source(i0 - before[0]), ...], or `value` where a dim has no source.
// Requires: element_bytes in {1, 2, 4, 8}; `value` holds the bytes of one element; negative
// `before` crops; x and out do not overlap.
struct PadArgs {
  int64_t element_bytes;
  PadMode mode;
  const void* x;
  void* out;
  Shape shape;      // of x
  Shape out_shape;  // of the same rank
  std::array<int64_t, Shape::max_rank> before;
  uint64_t value;

  PadDim dim(int d) const {
    const int64_t start = before[static_cast<size_t>(d)];
    return {shape[d], start < 0 ? -start : 0, std::min(shape[d], out_shape[d] - start)};
  }
};

void pad_cpu(const PadArgs& args);

}  // namespace gradus::kernels
