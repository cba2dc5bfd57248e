// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/executable.h"

#include <gtest/gtest.h>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/program_cache.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "tests/support/random_graph.h"

namespace gradus {
namespace {

using testing::random_graph;
using testing::same_bits;

// Runs the graph planned and stepwise for some steps; every output and state must agree to the bit.
void expect_planned_equals_stepwise(uint64_t seed) {
  const std::shared_ptr<const Graph> graph = random_graph(seed);
  TensorMap stepwise_states = testing::random_states(*graph, seed);
  StateStore states(cpu_device());
  for (const auto& [name, tensor] : stepwise_states) {
    states.set(name, tensor);
    stepwise_states[name] = tensor.to(cpu_device());
  }
  Arena arena(cpu_device());
  Executable planned(graph, states, arena);
  for (uint64_t step = 0; step < 3; ++step) {
    const TensorMap inputs = testing::random_inputs(*graph, seed * 100 + step);
    for (const auto& [name, tensor] : inputs) planned.set_input(name, tensor);
    planned.run();
    const TensorMap expected = run_stepwise(*graph, inputs, stepwise_states);
    for (const auto& [name, tensor] : expected)
      EXPECT_TRUE(same_bits(planned.output(name), tensor)) << "seed " << seed << " output " << name;
    for (const auto& [name, tensor] : stepwise_states)
      EXPECT_TRUE(same_bits(states.get(name), tensor))
          << "seed " << seed << " step " << step << " state " << name;
  }
}

TEST(Executable, PlannedEqualsStepwiseOnRandomGraphs) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    expect_planned_equals_stepwise(seed);
    if (HasFailure()) break;
  }
}

void expect_no_overlap(const Plan& plan, uint64_t seed) {
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const PlannedBuffer &a = plan.buffers[i], &b = plan.buffers[j];
      const bool meet_in_time = a.begin <= b.end && b.begin <= a.end;
      const bool meet_in_space = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_FALSE(meet_in_time && meet_in_space && a.bytes > 0 && b.bytes > 0) << "seed " << seed;
    }
    EXPECT_LE(plan.buffers[i].offset + plan.buffers[i].bytes, plan.arena_bytes);
  }
}

TEST(Plan, NoTwoLiveBuffersOverlap) {
  register_all_ops();
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto graph = random_graph(seed, {.nodes = 60});
    const Plan plan = make_plan(*graph, std::vector<int64_t>(graph->nodes().size(), 512));
    expect_no_overlap(plan, seed);
    EXPECT_GE(plan.arena_bytes, plan.lower_bound_bytes);
  }
}

// y = (w x - t)^2 and one step of gradient descent, by hand.
TEST(Executable, TrainsAScalar) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  const Value x = graph->input("x", DType::f64, {}), w = graph->state("w", DType::f64, {});
  const Value loss = square(w * x - 3.0);
  const Value gradient = gradients(loss, std::vector{w})[0];
  graph->update(w, w - 0.1 * gradient);
  graph->output("loss", loss);
  StateStore states(cpu_device());
  states.set("w", Tensor::full(DType::f64, {}, 1.0));
  Arena arena(cpu_device());
  Executable step(graph, states, arena);
  double expected = 1.0;
  for (int i = 0; i < 5; ++i) {
    step.set_input("x", Tensor::full(DType::f64, {}, 2.0));
    step.run();
    EXPECT_DOUBLE_EQ(step.output("loss").item(), (expected * 2 - 3) * (expected * 2 - 3));
    expected -= 0.1 * 2 * (expected * 2 - 3) * 2;
    EXPECT_DOUBLE_EQ(states.get("w").item(), expected);
  }
  EXPECT_TRUE(step.plan().copies.empty());  // the update happens in place
}

TEST(Executable, TwoStatesSwap) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  const Value a = graph->state("a", DType::f32, {2}), b = graph->state("b", DType::f32, {2});
  graph->update(a, b);
  graph->update(b, a);
  StateStore states(cpu_device());
  states.set("a", Tensor::full(DType::f32, {2}, 1));
  states.set("b", Tensor::full(DType::f32, {2}, 2));
  Arena arena(cpu_device());
  Executable step(graph, states, arena);
  step.run();
  EXPECT_EQ(states.get("a").to_doubles()[1], 2);
  EXPECT_EQ(states.get("b").to_doubles()[1], 1);
}

// Programs for two batch sizes share one arena: each may grow it, and both stay right.
TEST(ProgramCache, PlansEachShapeOnce) {
  register_all_ops();
  StateStore states(cpu_device());
  states.set("w", Tensor::full(DType::f64, {}, 3));
  Arena arena(cpu_device());
  int built = 0;
  ProgramCache cache(states, arena, [&](std::span<const TensorSpec> inputs) {
    ++built;
    auto graph = std::make_shared<Graph>();
    const Value x = graph->input("x", inputs[0].dtype, inputs[0].shape);
    graph->output("y", sum(x * graph->state("w", DType::f64, {})));
    return graph;
  });
  const int64_t sizes[] = {4, 4000, 4, 4000};
  for (int64_t size : sizes) {
    const TensorSpec spec{DType::f64, {size}};
    Executable& program = cache.get(std::span(&spec, 1));
    program.set_input("x", Tensor::full(DType::f64, {size}, 2));
    program.run();
    EXPECT_EQ(program.output("y").item(), 6.0 * static_cast<double>(size));
  }
  EXPECT_EQ(built, 2);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(Executable, RefusesUnknownNamesAndWrongShapes) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  graph->output("y", graph->input("x", DType::f32, {2}) + 1.0);
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  Executable program(graph, states, arena);
  EXPECT_THROW(program.set_input("z", Tensor::full(DType::f32, {2}, 0)), Error);
  EXPECT_THROW(program.set_input("x", Tensor::full(DType::f32, {3}, 0)), Error);
  EXPECT_THROW(program.output("x"), Error);
}

}  // namespace
}  // namespace gradus
