// SPDX-License-Identifier: Apache-2.0
// Products of looked-up rows, done once per row of the table, give what the plain graph gives.
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

// Rows of the first input of every product.
int64_t multiplied_rows(const Graph& graph) {
  int64_t rows = 0;
  for (const Node& node : graph.nodes())
    if (node.op != nullptr && (node.op->name == "linear" || node.op->name == "gemm")) {
      const Shape& shape = graph.spec(node.inputs[0]).shape;
      rows += shape.numel() / std::max<int64_t>(1, shape[shape.rank() - 1]);
    }
  return rows;
}

struct Net {
  int64_t rows = 7, batch = 5, length = 6, width = 3, out = 4;
  bool permuted = true, flat = false, bias = true, as_gemm = false;
  AttrList embedding = {};

  std::shared_ptr<const Graph> graph() const {
    auto graph = std::make_shared<Graph>();
    const Value tokens = graph->input("tokens", DType::i64, {batch, length});
    const Value table = graph->state("table", DType::f64, {rows, width});
    const Value w = graph->state("w", DType::f64, {out, width});
    const Value b = bias ? graph->state("b", DType::f64, {out}) : Value();
    Value x = apply1("embedding", {tokens, table}, embedding);
    if (permuted) x = permute(x, {1, 0, 2});
    if (flat || as_gemm) x = reshape(x, {batch * length, width});
    const Value y = as_gemm ? apply1("gemm", {x, w}, {{"transpose_b", true}})
                            : apply1("linear", {x, w, b}, {{"activation", "tanh"}});
    const Value weights = reshape(
        cast(graph->input("weights", DType::f64, {batch * length * out}), DType::f64), y.shape());
    const Value loss = sum(square(y) * weights);
    graph->output("y", y);
    graph->output("loss", loss);
    std::vector<Value> wanted{table, w};
    if (b && !as_gemm) wanted.push_back(b);
    const std::vector<Value> slopes = gradients(loss, wanted);
    for (size_t i = 0; i < slopes.size(); ++i)
      graph->output("gradient" + std::to_string(i), slopes[i]);
    return graph;
  }
};

TensorMap inputs_of(const Net& net, uint64_t seed) {
  std::mt19937_64 draw(seed);
  std::vector<int64_t> tokens(static_cast<size_t>(net.batch * net.length));
  for (int64_t& token : tokens)
    token = std::uniform_int_distribution<int64_t>(0, net.rows - 1)(draw);
  std::vector<double> weights(tokens.size() * static_cast<size_t>(net.out));
  for (double& weight : weights) weight = std::uniform_real_distribution<>(-1, 1)(draw);
  return {{"tokens", Tensor::from<int64_t>(DType::i64, {net.batch, net.length}, tokens)},
          {"weights",
           Tensor::from<double>(DType::f64, {static_cast<int64_t>(weights.size())}, weights)}};
}

void expect_close(const Graph& plain, const Graph& passed, const TensorMap& inputs, uint64_t seed) {
  TensorMap states_a = testing::random_states(plain, seed), states_b = states_a;
  const TensorMap a = run_stepwise(plain, inputs, states_a, {});
  const TensorMap b = run_stepwise(passed, inputs, states_b, {});
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    const std::vector<double> x = tensor.to_doubles(), y = b.at(name).to_doubles();
    ASSERT_EQ(x.size(), y.size()) << name;
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_NEAR(x[i], y[i], 1e-11 * (1 + std::abs(x[i]))) << name << " at " << i;
  }
}

TEST(MultiplyTables, GivesTheSame) {
  register_all_ops();
  uint64_t seed = 0;
  for (const bool permuted : {false, true})
    for (const bool flat : {false, true})
      for (const bool bias : {false, true})
        for (const bool as_gemm : {false, true}) {
          const Net net{.permuted = permuted, .flat = flat, .bias = bias, .as_gemm = as_gemm};
          const std::shared_ptr<const Graph> plain = net.graph();
          const GraphPtr passed = prepare(plain);
          check_spec(*passed);
          EXPECT_EQ(multiplied_rows(*passed), 3 * net.rows) << "seed " << seed;
          EXPECT_EQ(count_ops(*passed, "embedding_backward"), 1);
          expect_close(*plain, *passed, inputs_of(net, seed), seed);
          ++seed;
        }
}

// A small table of one row, and one as large as it may be.
TEST(MultiplyTables, ReachesTheLimitOfWhatPays) {
  register_all_ops();
  for (const auto& [rows, pays] : {std::pair{1, true}, {15, true}, {16, false}, {40, false}}) {
    const Net net{.rows = rows};
    const std::shared_ptr<const Graph> plain = net.graph();
    const GraphPtr passed = prepare(plain);
    const int64_t all = net.batch * net.length;
    EXPECT_EQ(multiplied_rows(*passed) < 2 * all, pays) << rows;
    expect_close(*plain, *passed, inputs_of(net, 9), 9);
  }
}

// padding_idx and scale_grad_by_freq make the gradient another than the derivative.
TEST(MultiplyTables, LeavesOtherGradientsAlone) {
  register_all_ops();
  for (const AttrList& attrs : {AttrList{{"padding_idx", 2}}, {{"scale_grad_by_freq", true}}}) {
    const Net net{.embedding = attrs};
    const std::shared_ptr<const Graph> plain = net.graph();
    const GraphPtr passed = multiply_tables(*plain);
    EXPECT_EQ(multiplied_rows(*passed), multiplied_rows(*plain));
    expect_close(*plain, *passed, inputs_of(net, 3), 3);
  }
}

// Who else reads the rows, or the gradient of the rows, still gets them.
TEST(MultiplyTables, OtherReadersKeepWhatTheyRead) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  const Value tokens = graph->input("tokens", DType::i64, {5, 6});
  const Value table = graph->state("table", DType::f64, {7, 3});
  const Value w = graph->state("w", DType::f64, {3, 3});
  const Value x = apply1("embedding", {tokens, table});
  const Value loss = sum(square(apply1("linear", {x, w}) + x));
  const std::vector<Value> slopes = gradients(loss, std::vector{x, table, w});
  graph->output("x", x);
  for (size_t i = 0; i < slopes.size(); ++i) graph->output("g" + std::to_string(i), slopes[i]);
  const GraphPtr passed = prepare(graph);
  check_spec(*passed);
  expect_close(*graph, *passed, {{"tokens", inputs_of({}, 4).at("tokens")}}, 4);
}

}  // namespace
}  // namespace gradus
