// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/shape.h"

namespace gradus::kernels {

// Some dims of a dense row-major tensor, walked in row-major order; neighbours that are one run of
// memory count as one dim, and dims of size 1 as none.
struct ReduceAxes {
  int rank = 0;
  int64_t count = 1;
  std::array<int64_t, Shape::max_rank> sizes{}, strides{};

  int64_t last_size() const { return rank ? sizes[static_cast<size_t>(rank - 1)] : 1; }
  int64_t last_stride() const { return rank ? strides[static_cast<size_t>(rank - 1)] : 0; }

  int64_t offset(int64_t index) const {
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; --d) {
      at += index % sizes[static_cast<size_t>(d)] * strides[static_cast<size_t>(d)];
      index /= sizes[static_cast<size_t>(d)];
    }
    return at;
  }

  // Calls f(element, its row-major number) for every element from `from` on.
  template <class T, class F>
  void visit(T* from, F f) const {
    if (count == 0) return;
    const int64_t run = last_size(), stride = last_stride();
    for (int64_t first = 0; first < count; first += run) {
      T* at = from + (rank > 1 ? offset(first) : 0);
      for (int64_t i = 0; i < run; ++i) f(at[i * stride], first + i);
    }
  }
};

// The dims with reduced[d] == which.
inline ReduceAxes pick_axes(const Shape& shape, const std::array<bool, Shape::max_rank>& reduced,
                            bool which) {
  ReduceAxes axes;
  const auto strides = shape.strides();
  for (int d = 0; d < shape.rank(); ++d) {
    if (reduced[static_cast<size_t>(d)] != which) continue;
    axes.count *= shape[d];
    if (shape[d] == 1) continue;
    const int64_t stride = strides[static_cast<size_t>(d)];
    const size_t last = static_cast<size_t>(axes.rank - 1);
    if (axes.rank > 0 && axes.strides[last] == shape[d] * stride) {
      axes.sizes[last] *= shape[d];
      axes.strides[last] = stride;
      continue;
    }
    axes.sizes[static_cast<size_t>(axes.rank)] = shape[d];
    axes.strides[static_cast<size_t>(axes.rank++)] = stride;
  }
  return axes;
}

}  // namespace gradus::kernels
