// SPDX-License-Identifier: Apache-2.0
#include "engine/base/shape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr int64_t huge = int64_t{1} << 40;

TEST(Shape, counts_elements) {
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ((Shape{2, 3, 5}).numel(), 30);
  EXPECT_EQ((Shape{2, 0, 5}).numel(), 0);
  EXPECT_EQ((Shape{2, 3, 5}).strides()[0], 15);
}

TEST(Shape, refuses_more_elements_than_63_bits_count) {
  EXPECT_THROW((void)(Shape{huge, huge}).numel(), Error);
  EXPECT_THROW((void)(Shape{INT64_MAX, 2}).numel(), Error);
  EXPECT_EQ((Shape{INT64_MAX, 1}).numel(), INT64_MAX);
  std::array<int64_t, 4> sizes{1, 3, huge, huge};  // in every order, so at every place
  do {
    EXPECT_THROW((void)Shape(sizes).numel(), Error);
  } while (std::ranges::next_permutation(sizes).found);
}

TEST(Shape, no_elements) {
  EXPECT_EQ((Shape{huge, 5, 0}).numel(), 0);
  EXPECT_EQ((Shape{0, huge, 5}).numel(), 0);
  // A zero does not hide sizes whose product nobody could hold, nor step over.
  EXPECT_THROW((void)(Shape{huge, huge, 0}).numel(), Error);
  EXPECT_THROW((void)(Shape{0, huge, huge}).numel(), Error);
  (void)(Shape{huge, huge, huge, 0}).strides();
}

TEST(Shape, refuses_negative_sizes_and_more_than_8_dims) {
  EXPECT_THROW((Shape{2, -1}), Error);
  Shape shape{1, 1, 1, 1, 1, 1, 1, 1};
  EXPECT_THROW(shape.push_back(1), Error);
}

TEST(Shape, inserts_and_erases) {
  Shape shape{2, 5};
  shape.insert(1, 3);
  EXPECT_EQ(shape, (Shape{2, 3, 5}));
  shape.erase(0);
  EXPECT_EQ(shape, (Shape{3, 5}));
  EXPECT_EQ(to_string(shape), "(3, 5)");
  EXPECT_EQ(to_string(Shape{}), "()");
}

TEST(Shape, dims_count_from_both_ends) {
  EXPECT_EQ(normalize_dim(-1, 3, "op"), 2);
  EXPECT_EQ(normalize_dim(0, 3, "op"), 0);
  EXPECT_EQ(normalize_dim(-1, 0, "op"), 0);
  for (int64_t dim : {int64_t{3}, int64_t{-4}, INT64_MIN, INT64_MAX})
    EXPECT_THROW((void)normalize_dim(dim, 3, "op"), Error) << dim;
}

TEST(Shape, broadcasts_as_pytorch) {
  EXPECT_EQ(broadcast({3, 1}, {5}, "op"), (Shape{3, 5}));
  EXPECT_EQ(broadcast({}, {2, 3}, "op"), (Shape{2, 3}));
  EXPECT_EQ(broadcast({1, 0}, {3, 1}, "op"), (Shape{3, 0}));
  EXPECT_THROW((void)broadcast({2}, {3}, "op"), Error);
  EXPECT_THROW((void)broadcast({0}, {3}, "op"), Error);
}

}  // namespace
}  // namespace gradus
