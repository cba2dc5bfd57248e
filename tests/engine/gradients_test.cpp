// SPDX-License-Identifier: Apache-2.0
// Autodiff as a whole, on random graphs; single ops are tests/ops/every_op_test.cpp's.
#include "engine/autodiff/gradients.h"

#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "tests/support/random_graph.h"

namespace gradus {
namespace {

using testing::random_graph;
using testing::random_inputs;
using testing::random_states;

constexpr int graphs = 300;
constexpr double largest_value = 1e3;  // beyond it the graph grew too steep for differences
constexpr double step = 1e-6;
constexpr double tolerance = 2e-6;

// A random graph, the gradients of the sum of its outputs added to it, and values to run it on.
struct Differentiated {
  std::unique_ptr<Graph> graph;
  std::vector<std::string> targets, inputs;
  TensorMap values, states;

  explicit Differentiated(uint64_t seed) : graph(random_graph(seed)) {
    values = random_inputs(*graph, seed);
    states = random_states(*graph, seed);
    std::vector<Value> ends, wrt;
    for (const NamedValue& output : graph->outputs()) {
      targets.push_back(output.name);
      ends.push_back(graph->value(output.value));
    }
    for (int node : graph->inputs()) {
      inputs.push_back(graph->node(node).name);
      wrt.emplace_back(*graph, node, 0);
    }
    const std::vector<Value> first = gradients(ends, std::vector<Value>(ends.size()), wrt);
    for (size_t i = 0; i < first.size(); ++i)
      if (first[i]) graph->output("gradient of " + inputs[i], first[i]);
  }

  TensorMap run() const {
    TensorMap scratch = states;
    return run_stepwise(*graph, values, scratch);
  }

  // The sum of all outputs; NaN where one is too large.
  double target() const {
    const TensorMap outputs = run();
    double sum = 0;
    for (const std::string& name : targets)
      for (double value : outputs.at(name).to_doubles())
        sum += std::fabs(value) < largest_value ? value : std::nan("");
    return sum;
  }

  double difference(const std::string& input, int64_t element, double by) {
    const Tensor original = values.at(input);
    const auto moved = [&](double distance) {
      const Tensor copy = original.to(cpu_device());
      copy.data_as<double>()[element] += distance;
      values.at(input) = copy;
      return target();
    };
    const double slope = (moved(by) - moved(-by)) / (2 * by);
    values.at(input) = original;
    return slope;
  }
};

TEST(Gradients, of_random_graphs_equal_central_differences) {
  int64_t compared = 0;
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    Differentiated sample(seed);
    if (std::isnan(sample.target())) continue;
    const TensorMap results = sample.run();
    for (const std::string& input : sample.inputs) {
      const auto found = results.find("gradient of " + input);
      const int64_t count = sample.values.at(input).numel();
      for (int64_t i = 0; i < count; i += 1 + count / 4) {
        const double ours =
            found == results.end() ? 0 : found->second.to_doubles()[static_cast<size_t>(i)];
        bool agrees = false;
        for (double by : {step, 10 * step, 100 * step, step / 10}) {
          const double theirs = sample.difference(input, i, by);
          agrees |= std::fabs(ours - theirs) <=
                    tolerance * std::max({1.0, std::fabs(ours), std::fabs(theirs)});
        }
        EXPECT_TRUE(agrees) << "seed " << seed << ", " << input << "[" << i << "]: " << ours
                            << ", differences " << sample.difference(input, i, step);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 1000);
}

// u (H v) = v (H u) for any twice differentiable function, over all variables together.
TEST(Gradients, hessians_are_symmetric) {
  register_all_ops();
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Graph graph;
    const auto variables = [&](const std::string& name) {
      return std::vector{graph.input(name + "0", DType::f64, {3, 4}),
                         graph.input(name + "1", DType::f64, {4}),
                         graph.input(name + "2", DType::f64, {3, 4})};
    };
    const std::vector<Value> x = variables("x"), u = variables("u"), v = variables("v");
    const Value product = x[0] * x[1];
    const Value f = sum(tanh(product) * exp(x[0] * 0.3) * cos(x[2]) +
                        square(sum(product, {1}, true)) * sigmoid(x[0]));
    const auto along = [&](const std::vector<Value>& left, const std::vector<Value>& right) {
      const std::vector<Value> products = hessian_vector_product(f, x, right);
      return sum(left[0] * products[0]) + sum(left[1] * products[1]) + sum(left[2] * products[2]);
    };
    graph.output("u H v", along(u, v));
    graph.output("v H u", along(v, u));
    TensorMap states;
    const TensorMap results = run_stepwise(graph, random_inputs(graph, seed), states);
    const double a = results.at("u H v").item(), b = results.at("v H u").item();
    EXPECT_NEAR(a, b, 1e-12 * (1 + std::fabs(a))) << seed;
    EXPECT_NE(a, 0.0);
  }
}

TEST(Gradients, third_derivative_of_a_polynomial) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f64, {});
  Value f = x * x * x * x;
  for (int order = 0; order < 3; ++order) f = gradients(f, std::vector<Value>{x})[0];
  graph.output("f", f);
  TensorMap states;
  EXPECT_EQ(run_stepwise(graph, {{"x", Tensor::full(DType::f64, {}, 3)}}, states).at("f").item(),
            24.0 * 3);
}

TEST(Gradients, through_a_piecewise_constant_op_are_a_named_error) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f64, {3});
  try {
    (void)gradients(sum(floor(x)), std::vector<Value>{x});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("[floor] has no gradient (piecewise constant)"),
              std::string::npos)
        << error.what();
  }
}

TEST(Gradients, of_what_the_target_does_not_depend_on_are_null) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f64, {3}), y = graph.input("y", DType::f64, {3});
  EXPECT_FALSE(gradients(sum(x), std::vector<Value>{y})[0]);
}

TEST(Gradients, of_integers_are_refused) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::i64, {3});
  EXPECT_THROW((void)gradients(x, std::vector<Value>{x}), Error);
}

}  // namespace
}  // namespace gradus
