// SPDX-License-Identifier: Apache-2.0
// Sparse products and segments against dense arithmetic, and patterns that are none.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

using Indices = std::vector<int64_t>;
using Numbers = std::vector<double>;

Tensor indices(const Indices& values) {
  return Tensor::from<int64_t>(DType::i64, {static_cast<int64_t>(values.size())},
                               std::span<const int64_t>(values));
}

Tensor floats(const Shape& shape, const Numbers& values, DType dtype = DType::f64) {
  return Tensor::from<double>(DType::f64, shape, std::span<const double>(values)).cast(dtype);
}

Numbers run(std::string_view op, const std::vector<Tensor>& inputs, const AttrList& attrs = {}) {
  register_all_ops();
  const OpDef& def = get_op(op);
  return run_op(def, Attrs(op, def.attributes, attrs), inputs)[0].to_doubles();
}

std::string failure(std::string_view op, const std::vector<Tensor>& inputs,
                    const AttrList& attrs = {}) {
  try {
    run(op, inputs, attrs);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    return error.what();
  }
  return "no error";
}

// A graph of 5 nodes; node 3 has no neighbours.
const Indices crow{0, 2, 3, 6, 6, 7}, col{1, 4, 0, 0, 2, 4, 2};

Numbers whole(size_t count, int64_t seed) {
  Numbers values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<double>((static_cast<int64_t>(i) * 7 + seed * 5) % 11 - 5);
  return values;
}

// The sparse matrix written out, (5, 5).
Numbers dense_matrix(const Numbers& values) {
  Numbers dense(25, 0.0);
  for (size_t row = 0; row < 5; ++row)
    for (int64_t e = crow[row]; e < crow[row + 1]; ++e)
      dense[row * 5 + static_cast<size_t>(col[static_cast<size_t>(e)])] +=
          values[static_cast<size_t>(e)];
  return dense;
}

// Whole numbers: sums are exact, so equality is the test.
TEST(Sparse, products_equal_the_dense_ones) {
  const Numbers values = whole(7, 1), x = whole(5 * 67, 2), matrix = dense_matrix(values);
  for (DType dtype : {DType::f32, DType::f64}) {
    const std::vector<Tensor> inputs{indices(crow), indices(col), floats({7}, values, dtype),
                                     floats({5, 67}, x, dtype)};
    Numbers product(5 * 67, 0.0), transposed(5 * 67, 0.0);
    for (size_t i = 0; i < 5; ++i)
      for (size_t k = 0; k < 5; ++k)
        for (size_t j = 0; j < 67; ++j) {
          product[i * 67 + j] += matrix[i * 5 + k] * x[k * 67 + j];
          transposed[k * 67 + j] += matrix[i * 5 + k] * x[i * 67 + j];
        }
    EXPECT_EQ(run("spmm", inputs), product);
    EXPECT_EQ(run("spmm_transpose", inputs, {{"size", 5}}), transposed);
  }
}

TEST(Sparse, sampled_products_equal_the_dense_ones) {
  const Numbers a = whole(5 * 9, 3), b = whole(5 * 9, 4);
  const Numbers sampled =
      run("sddmm", {indices(crow), indices(col), floats({5, 9}, a), floats({5, 9}, b)});
  for (size_t row = 0; row < 5; ++row) {
    for (int64_t e = crow[row]; e < crow[row + 1]; ++e) {
      double sum = 0;
      for (size_t k = 0; k < 9; ++k)
        sum += a[row * 9 + k] * b[static_cast<size_t>(col[static_cast<size_t>(e)]) * 9 + k];
      EXPECT_EQ(sampled[static_cast<size_t>(e)], sum) << "entry " << e;
    }
  }
}

TEST(Sparse, a_node_without_neighbours_gets_zero) {
  const Numbers product = run("spmm", {indices(crow), indices(col), floats({7}, whole(7, 1)),
                                       floats({5, 2}, whole(10, 2))});
  EXPECT_EQ(product[6], 0.0);
  EXPECT_EQ(product[7], 0.0);
}

TEST(Sparse, what_is_no_pattern_is_named) {
  const Tensor values = floats({2}, {1, 1}), dense = floats({3, 1}, {1, 2, 3});
  const auto spmm = [&](const Indices& rows, const Indices& columns) {
    return failure("spmm", {indices(rows), indices(columns), values, dense});
  };
  EXPECT_NE(spmm({0, 1, 3}, {0, 1}).find("from 0 to 2, got 0 to 3"), std::string::npos);
  EXPECT_NE(spmm({1, 1, 2}, {0, 1}).find("got 1 to 2"), std::string::npos);
  EXPECT_NE(spmm({0, 5, 2}, {0, 1}).find("position 2, expected at least 5"), std::string::npos);
  EXPECT_NE(spmm({0, -4, 2}, {0, 1}).find("got -4"), std::string::npos);
  EXPECT_NE(spmm({0, 1, 2}, {0, 3}).find("position 1, expected 0 to 2, got 3"), std::string::npos);
  EXPECT_NE(spmm({0, 1, 2}, {-1, 0}).find("got -1"), std::string::npos);
}

TEST(Segments, by_hand_with_an_empty_one) {
  const Tensor data = floats({4, 2}, {1, 2, 3, -4, 5, 6, -7, 8}), offsets = indices({0, 3, 3, 4});
  const double infinity = std::numeric_limits<double>::infinity();
  const auto reduce = [&](const char* how) {
    return run("segment_reduce", {data, offsets, Tensor()}, {{"reduce", how}});
  };
  EXPECT_EQ(reduce("sum"), (Numbers{9, 4, 0, 0, -7, 8}));
  EXPECT_EQ(reduce("amax"), (Numbers{5, 6, -infinity, -infinity, -7, 8}));
  EXPECT_EQ(reduce("amin"), (Numbers{1, -4, infinity, infinity, -7, 8}));
  EXPECT_EQ(reduce("prod"), (Numbers{15, -48, 1, 1, -7, 8}));
  const Numbers mean = reduce("mean");
  EXPECT_EQ(mean[0], 3.0);
  EXPECT_TRUE(std::isnan(mean[2]));
}

TEST(Segments, ids_in_any_order) {
  EXPECT_EQ(run("segment_reduce", {floats({4}, {1, 2, 3, 4}), Tensor(), indices({2, 0, 2, 0})},
                {{"reduce", "sum"}, {"num_segments", 3}}),
            (Numbers{6, 0, 4}));
}

TEST(Segments, what_is_no_segment_is_named) {
  const Tensor data = floats({3}, {1, 2, 3});
  const AttrList sum{{"reduce", "sum"}};
  const auto offsets = [&](const Indices& list) {
    return failure("segment_reduce", {data, indices(list), Tensor()}, sum);
  };
  EXPECT_NE(offsets({0, 2}).find("from 0 to 3, got 0 to 2"), std::string::npos);
  EXPECT_NE(offsets({0, 9, 3}).find("position 1, expected 0 to 3, got 9"), std::string::npos);
  EXPECT_NE(offsets({0, 2, 1, 3}).find("position 2, expected 2 to 3, got 1"), std::string::npos);
  EXPECT_NE(failure("segment_reduce", {data, Tensor(), indices({0, 1, 2})},
                    {{"reduce", "sum"}, {"num_segments", 2}})
                .find("position 2, expected 0 to 1, got 2"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus
