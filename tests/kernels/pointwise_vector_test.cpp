// SPDX-License-Identifier: Apache-2.0
// The vectorised elementwise functions against the C library in f64, over bit patterns of f32
// spread evenly from -infinity to infinity: error in units of the result's last place.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "engine/device/device.h"
#include "kernels/elementwise.h"

namespace gradus::kernels {
namespace {

using Evaluate = void (*)(const PointwiseArgs&);

std::vector<Evaluate> variants() {
  std::vector<Evaluate> list;
#if defined(__x86_64__) || defined(__i386__)
  if (cpu_device().info().avx2) list.push_back(pointwise_cpu_avx2);
  if (cpu_device().info().avx512) list.push_back(pointwise_cpu_avx512);
#endif
  return list;
}

std::vector<float> evaluate(Evaluate function, Pointwise op, const std::vector<float>& x,
                            double parameter) {
  std::vector<float> y(x.size());
  const Shape shape{static_cast<int64_t>(x.size())};
  const float one = 1;  // the second operand, where there is one: what a gradient is taken times
  const PointwiseInput inputs[] = {{x.data(), DType::f32, shape}, {&one, DType::f32, {}}};
  const PointwiseInstruction step{op, {0, pointwise_arity(op) == 2 ? 1 : -1, -1}, {parameter, 0}};
  const PointwiseOutput output{y.data(), DType::f32, 2};
  function({DType::f32, shape, inputs, std::span(&step, 1), std::span(&output, 1)});
  return y;
}

// Every `step`-th f32 in [lo, hi], both signs.
std::vector<float> floats_between(double lo, double hi) {
  constexpr uint64_t step = 16411;
  std::vector<float> list;
  for (uint64_t pattern = 0; pattern < (uint64_t{1} << 32); pattern += step) {
    const uint32_t bits = static_cast<uint32_t>(pattern);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (static_cast<double>(value) >= lo && static_cast<double>(value) <= hi) list.push_back(value);
  }
  return list;
}

double last_place(double value) {
  const int exponent = value == 0 ? -149 : std::ilogb(value) - 23;
  return std::ldexp(1.0, exponent < -149 ? -149 : exponent);
}

struct Function {
  const char* name;
  Pointwise op;
  double (*truth)(double);
  double lo, hi;  // where `places` holds
  double places;  // largest error in units of the last place
  double parameter = 0;
};

constexpr double everywhere = std::numeric_limits<double>::infinity();

double true_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double true_gelu(double x) { return 0.5 * x * std::erfc(-x * 0.70710678118654752); }
// Constant far out, where the formulas would overflow; NaN of infinities, as in PyTorch.
double true_gelu_slope(double x) {
  const double a = x < -50 ? -50 : x > 50 ? 50 : x;
  return 0.5 * std::erfc(-a * 0.70710678118654752) +
         a * 0.39894228040143268 * std::exp(-0.5 * a * a) + (x - x);
}
double true_gelu_tanh_slope(double x) {
  const double a = x < -50 ? -50 : x > 50 ? 50 : x;
  const double s = true_sigmoid(2 * 0.79788456080286536 * (a + 0.044715 * a * a * a));
  return s + 2 * 0.79788456080286536 * a * (1 + 0.134145 * a * a) * s * (1 - s) + (x - x);
}
double true_gelu_tanh(double x) {
  const double u = 0.79788456080286536 * (x + 0.044715 * x * x * x);
  return x / (1 + std::exp(-2 * u));
}

const Function functions[] = {
    {"exp", Pointwise::exp, std::exp, -everywhere, everywhere, 2},
    {"expm1", Pointwise::expm1, std::expm1, -everywhere, everywhere, 2},
    {"log", Pointwise::log, std::log, 0, everywhere, 2},
    {"log1p", Pointwise::log1p, std::log1p, -1, everywhere, 2},
    {"tanh", Pointwise::tanh, std::tanh, -everywhere, everywhere, 3},
    {"erf", Pointwise::erf, std::erf, -everywhere, everywhere, 2},
    {"sigmoid", Pointwise::sigmoid, true_sigmoid, -87, everywhere, 3},
    {"sin", Pointwise::sin, std::sin, -20, 20, 2},
    {"cos", Pointwise::cos, std::cos, -1.5, 1.5, 2},
    {"gelu", Pointwise::gelu, true_gelu, -1, 1e30, 3},
    {"gelu_tanh", Pointwise::gelu, true_gelu_tanh, -1, 1e9, 6, 1},
    {"gelu_backward", Pointwise::gelu_backward, true_gelu_slope, -0.5, 1e9, 4},
    {"gelu_tanh_backward", Pointwise::gelu_backward, true_gelu_tanh_slope, -0.5, 1e9, 6, 1},
};

TEST(PointwiseVector, functions_are_within_their_last_places) {
  for (const Function& function : functions) {
    const std::vector<float> x = floats_between(function.lo, function.hi);
    for (const Evaluate variant : variants()) {
      const std::vector<float> y = evaluate(variant, function.op, x, function.parameter);
      double worst = 0;
      float at = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double expected = function.truth(static_cast<double>(x[i]));
        if (static_cast<float>(expected) == y[i]) continue;
        const double error = std::fabs(static_cast<double>(y[i]) - expected) / last_place(expected);
        if (error <= worst) continue;
        worst = std::isnan(error) ? everywhere : error;
        at = x[i];
      }
      EXPECT_LE(worst, function.places) << function.name << " at " << at;
    }
  }
}

TEST(PointwiseVector, special_values) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const std::vector<float> x{0, infinity, -infinity, nan, 1e30f, -1e30f};
  for (const Function& function : functions) {
    for (const Evaluate variant : variants()) {
      const std::vector<float> y = evaluate(variant, function.op, x, function.parameter);
      for (size_t i = 0; i < x.size(); ++i) {
        const float expected = static_cast<float>(function.truth(static_cast<double>(x[i])));
        if (std::isnan(expected))
          EXPECT_TRUE(std::isnan(y[i])) << function.name << " of " << x[i] << " is " << y[i];
        else if (std::isinf(expected))
          EXPECT_EQ(y[i], expected) << function.name << " of " << x[i];
        else
          EXPECT_NEAR(y[i], expected, 1e-6) << function.name << " of " << x[i];
      }
    }
  }
}

// What a tile holds beside an element must not change it: a chain cuts tiles elsewhere.
TEST(PointwiseVector, an_element_does_not_depend_on_its_neighbours) {
  std::vector<float> x;  // of all sizes in turn, some beyond the limit of sin and cos
  const std::vector<float> values = floats_between(-1e5, 1e5);
  for (size_t i = 0; i < 5003; ++i) x.push_back(values[i * 7919 % values.size()]);
  for (const Function& function : functions) {
    for (const Evaluate variant : variants()) {
      const std::vector<float> all = evaluate(variant, function.op, x, function.parameter);
      for (size_t i = 0; i < x.size(); i += 61) {
        const float one = evaluate(variant, function.op, {x[i]}, function.parameter)[0];
        EXPECT_EQ(std::memcmp(&one, &all[i], sizeof one), 0) << function.name << " of " << x[i];
      }
    }
  }
}

TEST(PointwiseVector, instruction_sets_give_the_same_bits) {
  const std::vector<Evaluate> both = variants();
  if (both.size() < 2) GTEST_SKIP() << "this processor has one of AVX2 and AVX-512 at most";
  const std::vector<float> x = floats_between(-everywhere, everywhere);
  for (const Function& function : functions) {
    const std::vector<float> a = evaluate(both[0], function.op, x, function.parameter);
    const std::vector<float> b = evaluate(both[1], function.op, x, function.parameter);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << function.name;
  }
}

}  // namespace
}  // namespace gradus::kernels
