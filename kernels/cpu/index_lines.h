// SPDX-License-Identifier: Apache-2.0
// Walks an index tensor line by line along one dim. Two lines never meet in one element of the
// tensor they point into, so lines may run at the same time while each keeps its order.
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/shape.h"

namespace gradus::kernels {

// The tensor that indices along `dim` point into.
struct IndexPlace {
  IndexPlace(const Shape& shape, int dim)
      : strides(shape.strides()),
        stride(shape.rank() == 0 ? 1 : strides[static_cast<size_t>(dim)]) {}

  std::array<int64_t, Shape::max_rank> strides;
  int64_t stride;  // of dim
};

class IndexLines {
 public:
  IndexLines(const Shape& shape, int dim) : shape_(shape), dim_(dim), own_(shape, dim) {
    if (shape.rank() > 0) length_ = shape[dim];
    count_ = length_ == 0 ? 0 : shape.numel() / length_;
  }

  int64_t count() const { return count_; }
  int64_t length() const { return length_; }
  int64_t stride() const { return own_.stride; }
  int64_t grain() const { return 1 + (1 << 12) / (length_ + 1); }
  // The first element of a line in the index tensor, and in another tensor of the same rank.
  int64_t start(int64_t line) const { return start_in(own_, line); }
  int64_t start_in(const IndexPlace& place, int64_t line) const {
    int64_t at = 0;
    for (int d = shape_.rank() - 1; d >= 0; --d) {
      if (d == dim_) continue;
      at += line % shape_[d] * place.strides[static_cast<size_t>(d)];
      line /= shape_[d];
    }
    return at;
  }

 private:
  Shape shape_;
  int dim_;
  IndexPlace own_;
  int64_t length_ = 1, count_ = 1;
};

}  // namespace gradus::kernels
