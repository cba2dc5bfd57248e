// SPDX-License-Identifier: Apache-2.0
#include "models/layers/initialiser.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus {
namespace {

std::vector<double> draw(const Initialiser& how, const Shape& shape, uint64_t seed = 1,
                         DType dtype = DType::f64) {
  Tensor tensor(dtype, shape);
  initialise(tensor, how, seed, "layer.weight");
  return tensor.to_doubles();
}

struct Moments {
  double mean = 0, variance = 0, largest = 0;
};

Moments moments(const std::vector<double>& values) {
  Moments m;
  for (double v : values) m.mean += v / static_cast<double>(values.size());
  for (double v : values) {
    m.variance += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
    m.largest = std::max(m.largest, std::abs(v));
  }
  return m;
}

// The mean of n draws of variance v has the deviation sqrt(v / n).
void expect_mean_zero(const Moments& m, int64_t count) {
  EXPECT_LT(std::abs(m.mean), 4 * std::sqrt(m.variance / static_cast<double>(count)));
}

const Shape fans = {400, 300};  // fan_out, fan_in

TEST(Initialiser, XavierUniformHasItsBoundAndVariance) {
  const Moments m = moments(draw(Initialiser::xavier_uniform(), fans));
  const double bound = std::sqrt(6.0 / 700);
  EXPECT_NEAR(bound, 0.092582, 1e-6);
  EXPECT_LE(m.largest, bound);
  EXPECT_GT(m.largest, 0.999 * bound);
  EXPECT_NEAR(m.variance, 2.0 / 700, 0.02 * 2 / 700);
  expect_mean_zero(m, fans.numel());
}

TEST(Initialiser, XavierNormalHasItsVariance) {
  const Moments m = moments(draw(Initialiser::xavier_normal(), fans));
  EXPECT_NEAR(m.variance, 2.0 / 700, 0.02 * 2 / 700);
  expect_mean_zero(m, fans.numel());
}

TEST(Initialiser, HeUniformHasItsBoundAndVariance) {
  const Moments m = moments(draw(Initialiser::he_uniform(), fans));
  EXPECT_LE(m.largest, 0.1414214);
  EXPECT_NEAR(m.variance, 2.0 / 300, 0.02 * 2 / 300);
  expect_mean_zero(m, fans.numel());
}

TEST(Initialiser, HeNormalHasItsVariance) {
  const Moments m = moments(draw(Initialiser::he_normal(), fans));
  EXPECT_NEAR(m.variance, 2.0 / 300, 0.02 * 2 / 300);
  expect_mean_zero(m, fans.numel());
}

TEST(Initialiser, FansOfAConvolutionCountItsKernel) {
  const Moments m = moments(draw(Initialiser::he_normal(), {64, 32, 3, 3}));
  EXPECT_NEAR(m.variance, 2.0 / (32 * 9), 0.05 * 2 / (32 * 9));
}

TEST(Initialiser, NormalHasMeanDeviationAndShape) {
  const int64_t count = 1'000'000;
  std::vector<double> values = draw(Initialiser::normal(0, 0.02), {count});
  const Moments m = moments(values);
  EXPECT_NEAR(std::sqrt(m.variance), 0.02, 0.02 * 0.02);
  expect_mean_zero(m, count);
  // Kolmogorov and Smirnov: the largest distance to the normal distribution function; 1.95 /
  // sqrt(n) is exceeded with probability 0.001.
  std::ranges::sort(values);
  double distance = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double expected =
        0.5 * std::erfc(-values[static_cast<size_t>(i)] / 0.02 / std::sqrt(2.0));
    distance = std::max(
        distance, std::abs(expected - (static_cast<double>(i) + 0.5) / static_cast<double>(count)));
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(static_cast<double>(count)));
}

TEST(Initialiser, UniformFillsItsInterval) {
  const std::vector<double> values = draw(Initialiser::uniform(-1, 3), {100'000});
  EXPECT_GE(*std::ranges::min_element(values), -1);
  EXPECT_LE(*std::ranges::max_element(values), 3);
  EXPECT_NEAR(moments(values).mean, 1, 0.02);
  EXPECT_NEAR(moments(values).variance, 16.0 / 12, 0.02);
}

TEST(Initialiser, ConstantIsTheSameEverywhere) {
  for (double value : draw(Initialiser::constant(0.25), {7})) EXPECT_EQ(value, 0.25);
}

void expect_orthonormal(const Shape& shape) {
  const std::vector<double> w = draw(Initialiser::orthogonal(2), shape);
  const int64_t rows = shape[0], cols = shape[1], fewer = std::min(rows, cols);
  for (int64_t a = 0; a < fewer; ++a) {
    for (int64_t b = 0; b <= a; ++b) {
      double product = 0;
      for (int64_t k = 0; k < std::max(rows, cols); ++k)
        product +=
            rows <= cols
                ? w[static_cast<size_t>(a * cols + k)] * w[static_cast<size_t>(b * cols + k)]
                : w[static_cast<size_t>(k * cols + a)] * w[static_cast<size_t>(k * cols + b)];
      EXPECT_NEAR(product, a == b ? 4 : 0, 1e-12) << a << ", " << b;
    }
  }
}

TEST(Initialiser, OrthogonalRowsWhereThereAreFewerRows) { expect_orthonormal({17, 40}); }
TEST(Initialiser, OrthogonalColumnsWhereThereAreFewerColumns) { expect_orthonormal({40, 17}); }

TEST(Initialiser, BitsDependOnSeedAndPathNotOnThreads) {
  const Shape shape = {333, 101};
  std::vector<float> bits[2];
  for (int threads : {1, 2}) {
    set_thread_count(threads);
    Tensor tensor(DType::f32, shape);
    initialise(tensor, Initialiser::he_normal(), 5, "a");
    bits[threads - 1].assign(tensor.data_as<float>(), tensor.data_as<float>() + tensor.numel());
  }
  EXPECT_EQ(std::memcmp(bits[0].data(), bits[1].data(), bits[0].size() * sizeof(float)), 0);
  EXPECT_NE(draw(Initialiser::he_normal(), {4, 4}, 1), draw(Initialiser::he_normal(), {4, 4}, 2));
}

TEST(Initialiser, RefusesAShapeWithoutFansAndAnUnknownName) {
  EXPECT_THROW(draw(Initialiser::he_normal(), {5}), Error);
  EXPECT_THROW(draw(Initialiser::orthogonal(), {5}), Error);
  EXPECT_THROW(Initialiser::named("he"), Error);
  EXPECT_EQ(Initialiser::named("xavier_normal"), Initialiser::xavier_normal());
}

}  // namespace
}  // namespace gradus
