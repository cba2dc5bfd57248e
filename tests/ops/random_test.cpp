// SPDX-License-Identifier: Apache-2.0
// The random ops: their numbers come from Philox words by position, and dropout's mask is drawn,
// not stored.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

std::vector<double> draw(std::string_view op, const std::vector<Tensor>& inputs,
                         const AttrList& attrs, const RngState& rng = {}) {
  register_all_ops();
  const OpDef& def = get_op(op);
  return run_op(def, Attrs(op, def.attributes, attrs), inputs, {.rng = rng})[0].to_doubles();
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(Random, uniform_numbers_are_words_by_position) {
  const RngState rng{.seed = 7, .step = 3, .micro_step = 1};
  const std::vector<double> values = draw("rand", {}, {{"size", 4099}, {"rng_path", 11}}, rng);
  const PhiloxKey key = philox_key(rng, 11);
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(values[i], static_cast<double>(uniform_float(philox_word(key, i)))) << i;
}

TEST(Random, a_prefix_does_not_depend_on_the_size) {
  for (std::string_view op : {"rand", "randn"}) {
    const std::vector<double> small = draw(op, {}, {{"size", 5}, {"rng_path", 2}});
    std::vector<double> large = draw(op, {}, {{"size", 9000}, {"rng_path", 2}});
    large.resize(small.size());
    EXPECT_EQ(small, large) << op;
  }
}

TEST(Random, seed_path_step_and_micro_step_each_change_the_numbers) {
  const auto numbers = [](int64_t path, const RngState& rng) {
    return draw("rand", {}, {{"size", 8}, {"rng_path", path}}, rng);
  };
  const std::vector<double> base = numbers(1, {1, 1, 1});
  EXPECT_EQ(base, numbers(1, {1, 1, 1}));
  EXPECT_NE(base, numbers(2, {1, 1, 1}));
  EXPECT_NE(base, numbers(1, {2, 1, 1}));
  EXPECT_NE(base, numbers(1, {1, 2, 1}));
  EXPECT_NE(base, numbers(1, {1, 1, 2}));
}

// A million draws: the bounds are four standard errors and more.
TEST(Random, normal_moments) {
  const std::vector<double> values =
      draw("randn", {}, {{"size", 1000000}, {"dtype", DType::f64}, {"rng_path", 3}});
  double square = 0, fourth = 0, neighbours = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    square += values[i] * values[i];
    fourth += std::pow(values[i], 4);
    if (i > 0) neighbours += values[i] * values[i - 1];
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(mean(values), 0.0, 0.005);
  EXPECT_NEAR(square / n, 1.0, 0.007);
  EXPECT_NEAR(fourth / n, 3.0, 0.05);
  EXPECT_NEAR(neighbours / n, 0.0, 0.005);
}

TEST(Random, bernoulli_rate_and_bad_probability) {
  EXPECT_NEAR(mean(draw("bernoulli", {Tensor::full(DType::f32, {1000000}, 0.3)}, {})), 0.3, 0.002);
  const std::vector<double> bad{0.5, 1.5};
  const Tensor p = Tensor::from<double>(DType::f64, {2}, std::span<const double>(bad));
  EXPECT_THROW(draw("bernoulli", {p}, {}), Error);
}

TEST(Dropout, half_of_a_million_ones) {
  const Tensor ones = Tensor::full(DType::f32, {1000000}, 1.0);
  const std::vector<double> values = draw("dropout", {ones}, {{"rng_path", 5}});
  int64_t zeros = 0;
  for (double value : values) {
    ASSERT_TRUE(value == 0.0 || value == 2.0) << value;
    zeros += value == 0.0;
  }
  EXPECT_NEAR(static_cast<double>(zeros) * 1e-6, 0.5, 0.002);
  EXPECT_NEAR(mean(values), 1.0, 0.005);
}

TEST(Dropout, keeps_where_the_uniform_number_is_at_least_p) {
  const RngState rng{.seed = 9, .step = 4};
  const double p = 0.3;
  const std::vector<double> values =
      draw("dropout", {Tensor::full(DType::f64, {5001}, 1.0)}, {{"p", p}, {"rng_path", 6}}, rng);
  const PhiloxKey key = philox_key(rng, 6);
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(values[i] != 0.0, uniform_float(philox_word(key, i)) >= p) << i;
}

TEST(Dropout, evaluation_is_the_identity_bit_for_bit) {
  const Tensor x = Tensor::full(DType::f32, {100}, 0.1);
  EXPECT_EQ(draw("dropout", {x}, {{"p", 0.9}, {"training", false}}), x.to_doubles());
}

TEST(Dropout, the_gradient_uses_the_same_mask_and_two_nodes_do_not) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f32, {1000});
  const Value first = apply1("dropout", {x}), second = apply1("dropout", {x});
  graph.output("first", first);
  graph.output("second", second);
  graph.output("gradient", gradients(first, std::span(&x, 1))[0]);
  TensorMap states;
  const TensorMap results =
      run_stepwise(graph, {{"x", Tensor::full(DType::f32, {1000}, 1.0)}}, states);
  EXPECT_EQ(results.at("first").to_doubles(), results.at("gradient").to_doubles());
  EXPECT_NE(results.at("first").to_doubles(), results.at("second").to_doubles());
}

TEST(Dropout, the_mask_does_not_depend_on_threads) {
  const Tensor ones = Tensor::full(DType::f32, {100003}, 1.0);
  const int threads = thread_count();
  set_thread_count(1);
  const std::vector<double> one = draw("dropout", {ones}, {{"rng_path", 8}});
  set_thread_count(3);
  const std::vector<double> three = draw("dropout", {ones}, {{"rng_path", 8}});
  set_thread_count(threads);
  EXPECT_EQ(one, three);
}

}  // namespace
}  // namespace gradus
