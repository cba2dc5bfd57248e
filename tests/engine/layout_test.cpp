// SPDX-License-Identifier: Apache-2.0
// Channels-last regions and fused norms compute what the plain graph computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/autodiff/gradients.h"
#include "engine/exec/prepare.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "tests/support/random_graph.h"

namespace gradus {
namespace {

int64_t count_ops(const Graph& graph, std::string_view name) {
  return std::ranges::count_if(
      graph.nodes(), [&](const Node& n) { return n.op != nullptr && n.op->name == name; });
}

// A random image network with a loss and the gradients of its input and weights.
class ImageNet {
 public:
  explicit ImageNet(uint64_t seed) : draw_(seed) {
    const Value input = graph_->input("x", DType::f32, {2, pick(1, 3), pick(6, 9), pick(6, 9)});
    wanted_.push_back(input);
    Value x = input;
    for (int64_t layer = 0, count = pick(2, 5); layer < count; ++layer) x = next(x);
    const Value loss = mean(square(x + 0.5));
    graph_->output("loss", loss);
    const std::vector<Value> slopes = gradients(loss, wanted_);
    for (size_t i = 0; i < slopes.size(); ++i)
      graph_->output("gradient" + std::to_string(i), slopes[i]);
  }
  std::shared_ptr<const Graph> graph() const { return graph_; }

 private:
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(draw_);
  }
  Value weight(const Shape& shape) {
    const Value value =
        graph_->state("w" + std::to_string(graph_->states().size()), DType::f32, shape);
    wanted_.push_back(value);
    return value;
  }

  Value convolution(Value x) {
    const int64_t in = x.shape()[1], groups = pick(0, 4) == 0 ? in : 1, out = groups * pick(1, 5);
    const int64_t kernel = x.shape()[2] >= 3 && x.shape()[3] >= 3 ? pick(1, 3) : 1;
    const Value w = weight({out, in / groups, kernel, kernel});
    return apply1("conv2d", {x, w, pick(0, 1) == 0 ? weight({out}) : Value()},
                  {{"stride", pick(1, 2)}, {"padding", pick(0, kernel - 1)}, {"groups", groups}});
  }
  Value norm(Value x) {
    const Shape channels{x.shape()[1]};
    const bool affine = pick(0, 3) > 0;
    return apply1("batch_norm",
                  {x, Value(), Value(), affine ? weight(channels) : Value(),
                   affine ? weight(channels) : Value()},
                  {{"training", true}, {"eps", 0.1}});
  }
  Value pool(Value x) {
    if (x.shape()[2] < 2 || x.shape()[3] < 2) return x;
    if (pick(0, 2) == 0) return apply1("avg_pool2d", {x}, {{"kernel_size", 2}, {"stride", 1}});
    if (pick(0, 3) == 0) return apply1("adaptive_avg_pool2d", {x}, {{"output_size", 2}});
    return apply1("max_pool2d", {x}, {{"kernel_size", 2}, {"stride", pick(1, 2)}});
  }

  Value next(Value x) {
    switch (pick(0, 7)) {
      case 0:
        return relu(norm(convolution(x)));
      case 1:
        return pool(relu(norm(convolution(x))));
      case 2:
        return pool(x);
      case 3:
        return tanh(x) * mean(x, {2, 3}, true) + weight({x.shape()[1], 1, 1});
      case 4:
        return relu(x + norm(x));
      case 5:
        return x + sum(x, {1}, true) * 0.1;
      case 6: {
        const Value y = relu(norm(convolution(x)));
        return y * y + mean(y);
      }
      default:
        return convolution(x);
    }
  }

  std::mt19937_64 draw_;
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  std::vector<Value> wanted_;
};

void expect_close(const Graph& a, const Graph& b, uint64_t seed) {
  const TensorMap inputs = testing::random_inputs(a, seed);
  TensorMap states_a = testing::random_states(a, seed), states_b = states_a;
  const TensorMap out_a = run_stepwise(a, inputs, states_a),
                  out_b = run_stepwise(b, inputs, states_b);
  ASSERT_EQ(out_a.size(), out_b.size());
  // What cancels to nothing (a bias before a norm) is as wrong as the largest gradient's rounding.
  double scale = 0;
  for (const auto& [name, tensor] : out_a)
    for (double value : tensor.to_doubles()) scale = std::max(scale, std::abs(value));
  for (const auto& [name, tensor] : out_a) {
    ASSERT_EQ(tensor.shape(), out_b.at(name).shape());
    const std::vector<double> x = tensor.to_doubles(), y = out_b.at(name).to_doubles();
    double largest = 0.1 * scale, difference = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      largest = std::max(largest, std::abs(x[i]));
      difference = std::max(difference, std::abs(x[i] - y[i]));
    }
    EXPECT_LE(difference, 1e-4 * largest) << "seed " << seed << " " << name;
  }
}

TEST(Layout, RandomImageNetsGiveTheSame) {
  register_all_ops();
  int64_t regions = 0, fused = 0, pooled = 0;
  for (uint64_t seed = 0; seed < 600 && !HasFailure(); ++seed) {
    const ImageNet net(seed);
    const GraphPtr last =
        choose_layout(*fold_constants(*eliminate_dead_code(*net.graph()), host_evaluator()));
    check_spec(*last);
    const GraphPtr norms = fuse_norms(*eliminate_dead_code(*last));
    check_spec(*norms);
    expect_close(*net.graph(), *norms, seed);
    expect_close(*net.graph(), *prepare(net.graph()), seed);
    for (const Node& node : norms->nodes()) {
      if (node.op == nullptr) continue;
      regions += node.op->name == "convolution" && node.attrs.boolean("channels_last");
      fused += node.op->name == "batch_norm_relu_backward";
      pooled += node.op->name == "batch_norm_relu_backward" && node.attrs.has("window");
    }
  }
  EXPECT_GT(regions, 100);
  EXPECT_GT(fused, 50);
  EXPECT_GT(pooled, 10);
}

// conv -> norm -> relu -> pool -> conv: nothing is moved between the two convolutions, and the
// chain is one node forward and one backward.
TEST(Layout, AConvolutionBlockMovesNothing) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  const Value x = graph->input("x", DType::f32, {2, 1, 8, 8});
  const Value w1 = graph->state("w1", DType::f32, {4, 1, 3, 3});
  const Value w2 = graph->state("w2", DType::f32, {5, 4, 3, 3});
  Value y = apply1("conv2d", {x, w1}, {{"padding", 1}});
  y = apply1("max_pool2d", {relu(apply1("batch_norm", {y}, {{"training", true}}))},
             {{"kernel_size", 2}});
  y = apply1("conv2d", {y, w2}, {{"padding", 1}});
  const Value loss = mean(y);
  graph->output("dw", gradients(loss, std::vector{w1, w2})[0]);
  const GraphPtr passed = prepare(graph);
  EXPECT_EQ(count_ops(*passed, "batch_norm_relu"), 1);
  EXPECT_EQ(count_ops(*passed, "batch_norm_relu_backward"), 1);
  EXPECT_EQ(count_ops(*passed, "max_pool"), 0);
  EXPECT_LE(count_ops(*passed, "permute"), 1);  // of the gradient of the mean
}

// Doubles, and grouped convolutions, whose channels-last kernels are the slow ones, stay.
TEST(Layout, OnlyWhereItPays) {
  register_all_ops();
  for (const auto& [dtype, groups] : {std::pair{DType::f64, 1}, {DType::f32, 2}}) {
    Graph graph;
    const Value x = graph.input("x", dtype, {1, 4, 5, 5});
    const Value w = graph.state("w", dtype, {4, 4 / groups, 3, 3});
    graph.output("y", apply1("conv2d", {x, w}, {{"groups", groups}}));
    EXPECT_EQ(count_ops(*choose_layout(graph), "permute"), 0);
  }
}

// Another reader of the norm keeps the chain apart.
TEST(Layout, ANormReadElsewhereIsKept) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f32, {2, 2, 4, 4});
  const Value w = graph.state("w", DType::f32, {3, 2, 1, 1});
  const Value y = apply1("batch_norm", {apply1("conv2d", {x, w})}, {{"training", true}});
  graph.output("y", relu(y));
  graph.output("before", exp(y));
  const GraphPtr passed = fuse_norms(*choose_layout(graph));
  EXPECT_EQ(count_ops(*passed, "batch_norm"), 1);
  EXPECT_EQ(count_ops(*passed, "batch_norm_relu"), 0);
}

}  // namespace
}  // namespace gradus
