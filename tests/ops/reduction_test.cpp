// SPDX-License-Identifier: Apache-2.0
// What the generic test cannot know of reductions, sorting and running sums: values by hand, ties,
// NaN, empty dims, the variants on sizes beyond a block.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

const double nan = std::nan("");
const double infinity = std::numeric_limits<double>::infinity();

std::vector<Tensor> run(std::string_view op, const Tensor& x, const AttrList& attrs,
                        std::string_view variant = {}) {
  register_all_ops();
  const OpDef& def = get_op(op);
  return run_op(def, Attrs(op, def.attributes, attrs), std::span(&x, 1), {}, variant);
}

Tensor doubles(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(DType::f64, shape, std::span<const double>(values));
}

std::vector<double> values(std::string_view op, const Tensor& x, const AttrList& attrs) {
  return run(op, x, attrs)[0].to_doubles();
}

void expect_failure(std::string_view op, const Tensor& x, const AttrList& attrs,
                    std::string_view text) {
  try {
    run(op, x, attrs);
    ADD_FAILURE() << op << ": no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_argument);
    EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos) << error.what();
  }
}

TEST(Reduction, integers_are_exact_and_wrap) {
  const std::vector<int64_t> large{int64_t{1} << 53, 1, INT64_MAX, 1};
  const Tensor x = Tensor::from<int64_t>(DType::i64, {2, 2}, std::span<const int64_t>(large));
  const Tensor sums = run("sum", x, {{"dim", 1}})[0];
  EXPECT_EQ(sums.dtype(), DType::i64);
  EXPECT_EQ(sums.data_as<int64_t>()[0], (int64_t{1} << 53) + 1);
  EXPECT_EQ(sums.data_as<int64_t>()[1], INT64_MIN);
}

TEST(Reduction, nan_wins_and_the_first_index_is_given) {
  const Tensor x = doubles({3, 4}, {1, 3, 3, 2, nan, 1, nan, 5, -1, -4, -4, 0});
  EXPECT_EQ(run("argmax", x, {{"dim", 1}})[0].to_doubles(), (std::vector<double>{1, 0, 3}));
  EXPECT_EQ(run("argmin", x, {{"dim", 1}})[0].to_doubles(), (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(run("argmax", x, {})[0].item(), 4);
  EXPECT_TRUE(std::isnan(values("amax", x, {{"dim", 1}})[1]));
  EXPECT_TRUE(std::isnan(values("amin", x, {})[0]));
}

TEST(Reduction, of_nothing) {
  const Tensor none(DType::f64, {0, 3});
  EXPECT_EQ(values("sum", none, {{"dim", 0}}), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(values("prod", none, {{"dim", 0}}), (std::vector<double>{1, 1, 1}));
  EXPECT_TRUE(std::isnan(values("mean", none, {})[0]));
  EXPECT_TRUE(std::isnan(values("var", none, {})[0]));
  EXPECT_EQ(values("logsumexp", none, {{"dim", 0}})[0], -infinity);
  EXPECT_EQ(values("any", none, {})[0], 0);
  EXPECT_EQ(values("all", none, {})[0], 1);
  for (const char* op : {"amax", "amin", "argmax", "argmin"})
    expect_failure(op, none, {{"dim", 0}}, "is empty, expected at least one element");
}

TEST(Reduction, dims_are_checked) {
  const Tensor x = doubles({2, 2}, {1, 2, 3, 4});
  expect_failure("sum", x, {{"dim", 2}}, "[sum]");
  expect_failure("amax", x, {{"dim", AttrValue::Integers{0, -2}}}, "[amax] a dim is named twice");
  expect_failure("argmax", x, {{"dim", -3}}, "[argmax]");
}

TEST(Reduction, norms_and_deviations) {
  const Tensor x = doubles({2, 2}, {3, -4, 0, 1});
  EXPECT_EQ(values("norm", x, {{"dim", 1}}), (std::vector<double>{5, 1}));
  EXPECT_EQ(values("norm", x, {{"dim", 1}, {"p", 1}}), (std::vector<double>{7, 1}));
  EXPECT_EQ(values("norm", x, {{"dim", 1}, {"p", 0}}), (std::vector<double>{2, 1}));
  EXPECT_EQ(values("norm", x, {{"p", infinity}}), (std::vector<double>{4}));
  EXPECT_EQ(values("norm", x, {{"p", -infinity}}), (std::vector<double>{0}));
  EXPECT_EQ(values("var", x, {{"dim", 1}}), (std::vector<double>{24.5, 0.5}));
  EXPECT_EQ(values("std", x, {{"dim", 1}, {"correction", 0}}), (std::vector<double>{3.5, 0.5}));
}

// Powers beyond f64 on the way do not matter.
TEST(Reduction, norms_of_huge_and_tiny_numbers) {
  for (const double unit : {1e-300, 1e-200, 1e200, 1e300}) {
    const Tensor x = doubles({2, 2}, {3 * unit, -4 * unit, 0, unit});
    const std::vector<double> rows = values("norm", x, {{"dim", 1}});
    EXPECT_NEAR(rows[0] / unit, 5, 1e-14) << unit;
    EXPECT_NEAR(rows[1] / unit, 1, 1e-15) << unit;
    EXPECT_NEAR(values("norm", x, {{"dim", 1}, {"p", 3}})[0] / unit, std::cbrt(91), 1e-14) << unit;
  }
  EXPECT_EQ(values("norm", doubles({2}, {0, 0}), {})[0], 0);
  EXPECT_EQ(values("norm", doubles({2}, {infinity, 1e300}), {})[0], infinity);
  EXPECT_TRUE(std::isnan(values("norm", doubles({2}, {nan, 1e300}), {})[0]));
  EXPECT_TRUE(std::isnan(values("norm", doubles({2}, {infinity, nan}), {})[0]));
}

// The variance of 1e6 + {1, 2, 3} is that of {1, 2, 3} although their squares do not fit f32.
TEST(Reduction, a_large_mean_does_not_spoil_the_variance) {
  const std::vector<float> shifted{1000001, 1000002, 1000003};
  const Tensor x = Tensor::from<float>(DType::f32, {3}, std::span<const float>(shifted));
  EXPECT_EQ(values("var", x, {})[0], 1);
}

TEST(Reduction, logsumexp_of_large_numbers) {
  const Tensor x = doubles({3, 2}, {1e4, 1e4, -1e4, -1e4, infinity, 0});
  const std::vector<double> y = values("logsumexp", x, {{"dim", 1}});
  EXPECT_DOUBLE_EQ(y[0], 1e4 + std::log(2.0));
  EXPECT_DOUBLE_EQ(y[1], -1e4 + std::log(2.0));
  EXPECT_EQ(y[2], infinity);
}

Tensor noise(const Shape& shape, uint64_t path) {
  Tensor tensor(DType::f32, shape);
  const PhiloxKey key = philox_key({1, 2, 3}, path);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.data_as<float>()[i] = uniform_float(philox_word(key, static_cast<uint64_t>(i))) - 0.25f;
  return tensor;
}

// Sizes beyond one block and one piece, along rows, down columns, and both with dims between.
TEST(Reduction, blocks_agree_with_the_reference) {
  struct Case {
    Shape shape;
    AttrValue::Integers dims;
  };
  const std::vector<Case> cases{{{5, 70001}, {1}},   {{1031, 700}, {0}},
                                {{70001}, {0}},      {{6, 9, 7, 130}, {0, 2, 3}},
                                {{600, 3, 40}, {0}}, {{33, 5, 300}, {0, 2}}};
  for (const Case& c : cases) {
    const Tensor x = noise(c.shape, 7);
    for (const char* op : {"sum", "mean", "amax", "amin"}) {
      const std::vector<double> expected =
          run(op, x, {{"dim", c.dims}}, "reference")[0].to_doubles();
      set_thread_count(1);
      const std::vector<double> one = run(op, x, {{"dim", c.dims}}, "blocks")[0].to_doubles();
      set_thread_count(2);
      EXPECT_EQ(run(op, x, {{"dim", c.dims}}, "blocks")[0].to_doubles(), one) << op;
      for (size_t k = 0; k < expected.size(); ++k)
        EXPECT_NEAR(one[k], expected[k], 3e-7 * std::abs(expected[k])) << op << " element " << k;
    }
  }
}

TEST(Sort, nan_is_the_largest_and_ties_keep_their_order) {
  const Tensor x = doubles({6}, {2, nan, 1, 2, -infinity, nan});
  const std::vector<Tensor> up = run("sort", x, {}), down = run("sort", x, {{"descending", true}});
  EXPECT_EQ(up[1].to_doubles(), (std::vector<double>{4, 2, 0, 3, 1, 5}));
  EXPECT_EQ(down[1].to_doubles(), (std::vector<double>{1, 5, 0, 3, 2, 4}));
}

TEST(Sort, topk_is_the_front_of_sort) {
  const Tensor x = noise({3, 500}, 9);
  for (const bool largest : {true, false}) {
    const std::vector<Tensor> sorted = run("sort", x, {{"descending", largest}});
    for (const int64_t k : {1, 7, 400}) {
      const std::vector<Tensor> top = run("topk", x, {{"k", k}, {"largest", largest}});
      for (int64_t row = 0; row < 3; ++row)
        for (int64_t j = 0; j < k; ++j) {
          EXPECT_EQ(top[0].data_as<float>()[row * k + j],
                    sorted[0].data_as<float>()[row * 500 + j]);
          EXPECT_EQ(top[1].data_as<int64_t>()[row * k + j],
                    sorted[1].data_as<int64_t>()[row * 500 + j]);
        }
    }
  }
  expect_failure("topk", x, {{"k", 501}}, "[topk] attribute 'k', expected 0 to 500, got 501");
  expect_failure("topk", x, {{"k", -1}}, "[topk] attribute 'k'");
}

TEST(Cumsum, runs_both_ways) {
  const Tensor x = doubles({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(values("cumsum", x, {{"dim", 1}}), (std::vector<double>{1, 3, 6, 4, 9, 15}));
  EXPECT_EQ(values("cumsum", x, {{"dim", 0}}), (std::vector<double>{1, 2, 3, 5, 7, 9}));
  EXPECT_EQ(values("cumsum", x, {{"dim", 1}, {"reverse", true}}),
            (std::vector<double>{6, 5, 3, 15, 11, 6}));
}

}  // namespace
}  // namespace gradus
