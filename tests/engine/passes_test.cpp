// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/passes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/autodiff/gradients.h"
#include "engine/exec/prepare.h"
#include "engine/plan/plan.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "tests/support/random_graph.h"

namespace gradus {
namespace {

using testing::random_graph;
using testing::same_bits;

int64_t count_ops(const Graph& graph, std::string_view name) {
  return std::ranges::count_if(
      graph.nodes(), [&](const Node& n) { return n.op != nullptr && n.op->name == name; });
}

int64_t count_ops(const Graph& graph) {
  return std::ranges::count_if(graph.nodes(), [](const Node& n) { return n.kind == NodeKind::op; });
}

void expect_same_results(const Graph& a, const Graph& b, uint64_t seed) {
  const TensorMap inputs = testing::random_inputs(a, seed);
  TensorMap states_a = testing::random_states(a, seed), states_b = states_a;
  const StepwiseOptions options{.rng = {seed, 3, 1}};
  const TensorMap out_a = run_stepwise(a, inputs, states_a, options),
                  out_b = run_stepwise(b, inputs, states_b, options);
  ASSERT_EQ(out_a.size(), out_b.size());
  for (const auto& [name, tensor] : out_a)
    EXPECT_TRUE(same_bits(tensor, out_b.at(name))) << "seed " << seed << " " << name;
  for (const auto& [name, tensor] : states_a)
    EXPECT_TRUE(same_bits(tensor, states_b.at(name))) << "seed " << seed << " " << name;
}

// The property: fused equals unfused on 2,000 random graphs, here with every standard pass.
TEST(Passes, KeepEveryBitOnRandomGraphs) {
  int64_t before = 0, after = 0, fused = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const std::shared_ptr<const Graph> graph =
        random_graph(seed, {.nodes = 25, .all_kinds = seed % 2 == 1});
    const GraphPtr passed = run_passes(graph, standard_passes(host_evaluator()),
                                       [](std::string_view, const Graph& g) { check_spec(g); });
    expect_same_results(*graph, *passed, seed);
    before += count_ops(*graph);
    after += count_ops(*passed);
    fused += count_ops(*passed, "fused");
    if (HasFailure()) break;
  }
  EXPECT_LT(2 * after, before);
  EXPECT_GT(fused, 1000);
}

TEST(Passes, DeadCodeGoes) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f32, {3});
  (void)exp(x);
  graph.output("y", tanh(x));
  EXPECT_EQ(count_ops(*eliminate_dead_code(graph)), 1);
}

TEST(Passes, EqualNodesBecomeOne) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f32, {3});
  graph.output("y", exp(x) * 2.0 + exp(x) * 2.0);
  const GraphPtr passed = eliminate_common_subexpressions(graph);
  EXPECT_EQ(count_ops(*passed, "exp"), 1);
  EXPECT_EQ(count_ops(*passed, "mul"), 1);
}

TEST(Passes, ConstantsFold) {
  register_all_ops();
  Graph graph;
  const Value two = graph.scalar(2.0, DType::f64);
  graph.output("y", graph.input("x", DType::f64, {3}) * exp(two * two));
  const GraphPtr passed = fold_constants(graph, host_evaluator());
  EXPECT_EQ(count_ops(*eliminate_dead_code(*passed)), 1);
  // A constant of 80 KB would not pay.
  graph.output("large", exp(graph.full({10000}, 1.0, DType::f64)));
  EXPECT_EQ(count_ops(*eliminate_dead_code(*fold_constants(graph, host_evaluator())), "exp"), 1);
}

// A chain of elementwise ops is one node, its gradient too.
TEST(Passes, AChainAndItsGradientFuse) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  const Value x = graph->input("x", DType::f32, {33, 7});
  const Value y = tanh(silu(x * 2.0) + 1.0);
  graph->output("dx", gradients(y, std::vector{x})[0]);
  const GraphPtr passed = run_passes(graph, standard_passes(host_evaluator()));
  EXPECT_LE(count_ops(*passed), 2);
  EXPECT_GE(count_ops(*passed, "fused"), 1);
}

// a -> b -> c with b outside: fusing a with c would wait for itself.
TEST(Passes, FusionClosesNoCycle) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f32, {4, 4});
  const Value a = exp(x);
  const Value c = a + transpose(a, 0, 1);
  graph.output("y", c * a);
  const GraphPtr passed = fuse_pointwise(graph);
  check_spec(*passed);
  EXPECT_EQ(count_ops(*passed, "fused"), 1);
  EXPECT_EQ(count_ops(*passed, "exp"), 1);
}

// More values than one program takes: several programs, each within the kernels' limit.
TEST(Passes, AWideSumStaysWithinAProgramsLimits) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  Value total = graph->input("x", DType::f64, {5});
  for (int i = 0; i < 40; ++i)
    total = total + graph->input("x" + std::to_string(i), DType::f64, {5}) * 0.5;
  graph->output("y", total);
  const GraphPtr passed = prepare(graph);
  expect_same_results(*graph, *passed, 1);
  for (const Node& node : passed->nodes()) EXPECT_LE(node.inputs.size(), 16u) << node.name;
  EXPECT_GE(count_ops(*passed, "fused"), 3);
}

// y = softmax(tanh(x w1)) stays; tanh and the product are computed again for the gradient: same
// bits, smaller arena.
TEST(Passes, RecomputeKeepsBitsAndSavesMemory) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  Value x = graph->input("x", DType::f64, {64, 64});
  const Value first = x;
  std::vector<std::string> segments;
  for (int layer = 0; layer < 8; ++layer) {
    segments.push_back("layer" + std::to_string(layer) + ".");
    const Graph::Scope scope(*graph, "layer" + std::to_string(layer));
    // permute keeps each step from fusing away.
    x = transpose(sin(transpose(sin(transpose(sin(x), 0, 1)), 0, 1)), 0, 1);
    if (layer == 3) x = sin(apply1("dropout", {x}));  // the same mask the second time
  }
  const int first_backward = static_cast<int>(graph->nodes().size());
  graph->output("dx", gradients(x, std::vector{first})[0]);
  const GraphPtr again = recompute(*graph, {first_backward, segments});
  check_spec(*again);
  expect_same_results(*graph, *again, 5);
  const auto arena_bytes = [](const GraphPtr& g) {
    const GraphPtr passed = run_passes(g, standard_passes(host_evaluator()));
    return make_plan(*passed, std::vector<int64_t>(passed->nodes().size(), 0)).arena_bytes;
  };
  EXPECT_LT(static_cast<double>(arena_bytes(again)), 0.7 * static_cast<double>(arena_bytes(graph)));
}

// Reductions stay in f32, results keep their dtype, and the numbers move by no more than bf16
// rounding.
TEST(Passes, AutocastRunsLowPrecisionOps) {
  register_all_ops();
  Graph graph;
  const Value x = graph.input("x", DType::f32, {8, 16}), w = graph.state("w", DType::f32, {16, 4});
  const Value product = apply1("matmul", {tanh(x), w});
  const Value normed = apply("layer_norm", {product}, {{"normalized_shape", 4}})[0];
  const Value loss = mean(square(product)) + 1e-3 * mean(exp(normed));
  graph.output("loss", loss);
  graph.update(w, w - 0.1 * gradients(loss, std::vector{w})[0]);
  const GraphPtr low = autocast(graph, DType::bf16);
  check_spec(*low);
  EXPECT_EQ(low->spec(low->outputs()[0].value).dtype, DType::f32);
  const auto first_gemm = std::ranges::find_if(
      low->nodes(), [](const Node& n) { return n.op && n.op->name == "gemm"; });
  ASSERT_NE(first_gemm, low->nodes().end());
  EXPECT_EQ(first_gemm->outputs[0].dtype, DType::bf16);
  int64_t full_precision = 0;
  for (const Node& node : low->nodes()) {
    if (node.op == nullptr || node.op->autocast != AutocastClass::full_precision) continue;
    ++full_precision;
    for (const ValueRef& input : node.inputs) {
      if (!input.present()) continue;
      EXPECT_NE(low->spec(input).dtype, DType::bf16) << node.name;
    }
  }
  EXPECT_GT(full_precision, 0);
  TensorMap states{{"w", Tensor::full(DType::f32, {16, 4}, 0.3)}}, low_states = states;
  const TensorMap inputs{{"x", Tensor::full(DType::f32, {8, 16}, 0.7)}};
  const double exact = run_stepwise(graph, inputs, states).at("loss").item();
  const double rounded = run_stepwise(*low, inputs, low_states).at("loss").item();
  EXPECT_NE(exact, rounded);
  EXPECT_NEAR(exact, rounded, 0.02 * exact);
}

}  // namespace
}  // namespace gradus
