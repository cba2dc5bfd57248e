// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/shape.h"

namespace gradus::kernels {

enum class PadMode { constant, reflect, replicate, circular };

// The place in a dim of `size` elements that position `at` (0 is the first element, negative or
// beyond `size` lies in the padding) takes its value from, or -1: the fill value. reflect needs
// -size < at < 2 * size - 1; circular needs -size <= at < 2 * size.
constexpr int64_t pad_source(PadMode mode, int64_t at, int64_t size) {
  if (at >= 0 && at < size) return at;
  switch (mode) {
    case PadMode::constant:
      break;
    case PadMode::reflect:
      return at < 0 ? -at : 2 * (size - 1) - at;
    case PadMode::replicate:
      return at < 0 ? 0 : size - 1;
    case PadMode::circular:
      return at < 0 ? at + size : at - size;
  }
  return -1;
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
};

void pad_cpu(const PadArgs& args);

}  // namespace gradus::kernels
