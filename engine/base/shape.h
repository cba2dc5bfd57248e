// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace gradus {

// The sizes of a tensor's dims, outermost first; rank 0 is a scalar. Row-major, at most 8 dims,
// held inline so that it never allocates. Sizes are >= 0; zero is legal and means no elements.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes);
  explicit Shape(std::span<const int64_t> sizes);

  int rank() const { return rank_; }
  int64_t operator[](int dim) const { return sizes_[static_cast<size_t>(dim)]; }
  int64_t& operator[](int dim) { return sizes_[static_cast<size_t>(dim)]; }
  std::span<const int64_t> sizes() const { return {sizes_.data(), static_cast<size_t>(rank_)}; }
  const int64_t* begin() const { return sizes_.data(); }
  const int64_t* end() const { return sizes_.data() + rank_; }

  // The product of the sizes (1 for rank 0). Throws if it does not fit 63 bits.
  int64_t numel() const;
  // The product of sizes [first, last).
  int64_t product(int first, int last) const;
  // Row-major strides in elements.
  std::array<int64_t, max_rank> strides() const;

  void push_back(int64_t size);
  void insert(int dim, int64_t size);
  void erase(int dim);

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

// "(2, 3)"; "()" for a scalar.
std::string to_string(const Shape& shape);

// Maps a dim in [-rank, rank) to [0, rank); a scalar has the dims -1 and 0, as in PyTorch. Throws
// with `op` in the message.
int normalize_dim(int64_t dim, int rank, std::string_view op);

// PyTorch's broadcasting of two shapes. Throws with `op` in the message.
Shape broadcast(const Shape& a, const Shape& b, std::string_view op);

}  // namespace gradus
