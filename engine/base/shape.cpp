// SPDX-License-Identifier: Apache-2.0
#include "engine/base/shape.h"

#include <algorithm>

#include "engine/base/error.h"

namespace gradus {

Shape::Shape(std::initializer_list<int64_t> sizes)
    : Shape(std::span<const int64_t>(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const int64_t> sizes) {
  for (int64_t size : sizes) push_back(size);
}

int64_t Shape::product(int first, int last) const {
  int64_t count = 1;
  bool overflow = false, empty = false;
  for (int d = first; d < last; ++d) {
    empty |= (*this)[d] == 0;
    overflow |= __builtin_mul_overflow(count, std::max<int64_t>((*this)[d], 1), &count);
  }
  // Beside a zero too: others read our files, and compute strides from such a shape.
  GRADUS_CHECK(!overflow, "shape {} has more elements than fit 63 bits", to_string(*this));
  return empty ? 0 : count;
}

int64_t Shape::numel() const { return product(0, rank_); }

std::array<int64_t, Shape::max_rank> Shape::strides() const {
  std::array<int64_t, max_rank> strides{};
  int64_t stride = 1;
  for (int d = rank_ - 1; d >= 0; --d) {
    strides[static_cast<size_t>(d)] = stride;
    // Sizes beside a zero may be of any size: such strides are never used.
    if (__builtin_mul_overflow(stride, std::max<int64_t>((*this)[d], 1), &stride)) stride = 0;
  }
  return strides;
}

void Shape::push_back(int64_t size) { insert(rank_, size); }

void Shape::insert(int dim, int64_t size) {
  GRADUS_CHECK(rank_ < max_rank, "a tensor has at most {} dims", max_rank);
  GRADUS_CHECK(size >= 0, "a dim cannot have size {}", size);
  std::copy_backward(sizes_.begin() + dim, sizes_.begin() + rank_, sizes_.begin() + rank_ + 1);
  (*this)[dim] = size;
  ++rank_;
}

void Shape::erase(int dim) {
  std::copy(sizes_.begin() + dim + 1, sizes_.begin() + rank_, sizes_.begin() + dim);
  --rank_;
}

bool operator==(const Shape& a, const Shape& b) { return std::ranges::equal(a.sizes(), b.sizes()); }

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int d = 0; d < shape.rank(); ++d) {
    if (d > 0) text += ", ";
    text += std::to_string(shape[d]);
  }
  return text + ")";
}

int normalize_dim(int64_t dim, int rank, std::string_view op) {
  const int64_t dims = std::max(rank, 1);
  GRADUS_CHECK(dim >= -dims && dim < dims, "[{}] dim out of range, expected {} to {}, got {}", op,
               -dims, dims - 1, dim);
  return static_cast<int>(dim < 0 ? dim + dims : dim);
}

Shape broadcast(const Shape& a, const Shape& b, std::string_view op) {
  Shape out;
  const int rank = std::max(a.rank(), b.rank());
  for (int d = 0; d < rank; ++d) {
    const int da = d - (rank - a.rank()), db = d - (rank - b.rank());
    const int64_t sa = da < 0 ? 1 : a[da], sb = db < 0 ? 1 : b[db];
    GRADUS_CHECK(sa == sb || sa == 1 || sb == 1,
                 "[{}] shapes do not broadcast, got {} and {}: dim {} is {} and {}", op,
                 to_string(a), to_string(b), d, sa, sb);
    out.push_back(sa == 1 ? sb : sa);
  }
  return out;
}

}  // namespace gradus
