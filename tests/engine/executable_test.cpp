// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/executable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/prepare.h"
#include "engine/exec/program_cache.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "tests/support/random_graph.h"

namespace gradus {
namespace {

using testing::random_graph;
using testing::same_bits;

// Runs the graph planned and stepwise for some steps; every output and state must agree to the bit.
void expect_planned_equals_stepwise(const std::shared_ptr<const Graph>& graph, uint64_t seed,
                                    Arena& arena) {
  TensorMap stepwise_states = testing::random_states(*graph, seed);
  StateStore states(cpu_device());
  for (const auto& [name, tensor] : stepwise_states) {
    states.set(name, tensor);
    stepwise_states[name] = tensor.to(cpu_device());
  }
  Executable planned(graph, states, arena);
  for (uint64_t step = 0; step < 3; ++step) {
    const TensorMap inputs = testing::random_inputs(*graph, seed * 100 + step);
    const RngState rng{seed, step, 1};
    for (const auto& [name, tensor] : inputs) planned.set_input(name, tensor);
    planned.run(rng);
    const TensorMap expected = run_stepwise(*graph, inputs, stepwise_states, {.rng = rng});
    for (const auto& [name, tensor] : expected)
      EXPECT_TRUE(same_bits(planned.output(name), tensor)) << "seed " << seed << " output " << name;
    for (const auto& [name, tensor] : stepwise_states)
      EXPECT_TRUE(same_bits(states.get(name), tensor))
          << "seed " << seed << " step " << step << " state " << name;
  }
}

TEST(Executable, PlannedEqualsStepwiseOnRandomGraphs) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Arena arena(cpu_device());
    expect_planned_equals_stepwise(random_graph(seed), seed, arena);
    if (HasFailure()) break;
  }
}

// Also random nodes, workspaces and several outputs, as built and after the passes.
TEST(Executable, PlannedEqualsStepwiseOnGraphsOfAllKinds) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Arena arena(cpu_device());
    const GraphPtr graph = random_graph(seed, {.nodes = 40, .all_kinds = true});
    expect_planned_equals_stepwise(graph, seed, arena);
    expect_planned_equals_stepwise(prepare(graph), seed, arena);
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

// Whether some buffer that lives in `step` begins at `offset` and holds `bytes`.
bool has_room(const Plan& plan, int step, int64_t offset, int64_t bytes) {
  return std::ranges::any_of(plan.buffers, [&](const PlannedBuffer& buffer) {
    return buffer.offset == offset && buffer.bytes >= bytes && buffer.begin <= step &&
           step <= buffer.end;
  });
}

// Every workspace and every value a step writes lies in a buffer of its own size, aligned.
void expect_room(const Plan& plan, const Graph& graph, const std::vector<int64_t>& workspaces) {
  for (int step = 0; step < static_cast<int>(plan.order.size()); ++step) {
    const int node = plan.order[static_cast<size_t>(step)];
    if (graph.node(node).op->view) continue;
    const int64_t workspace = plan.workspace_offsets[static_cast<size_t>(step)];
    EXPECT_EQ(workspace % plan_alignment, 0);
    EXPECT_TRUE(has_room(plan, step, workspace, workspaces[static_cast<size_t>(node)]));
    for (int k = 0; k < static_cast<int>(graph.node(node).outputs.size()); ++k) {
      const Placement& place = plan.placements.at({node, k});
      if (place.storage != Storage::arena) continue;
      EXPECT_EQ(place.offset % plan_alignment, 0);
      EXPECT_TRUE(has_room(plan, step, place.offset, graph.spec({node, k}).bytes()));
    }
  }
}

TEST(Plan, NoTwoLiveBuffersOverlapAndEachHasItsRoom) {
  register_all_ops();
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto graph = random_graph(seed, {.nodes = 60, .all_kinds = seed % 2 == 0});
    std::vector<int64_t> workspaces;
    for (size_t i = 0; i < graph->nodes().size(); ++i)
      workspaces.push_back(500 + static_cast<int64_t>(i) * 37);
    const Plan plan = make_plan(*graph, workspaces);
    expect_no_overlap(plan, seed);
    expect_room(plan, *graph, workspaces);
    EXPECT_GE(plan.arena_bytes, plan.lower_bound_bytes);
    if (HasFailure()) break;
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

// Programs for several shapes and dtypes share one arena: each may grow it, none takes it down, and
// all stay right.
TEST(ProgramCache, PlansEachSpecOnce) {
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
  int64_t largest = 0;
  for (int64_t size : {4, 4000, 4, 40, 4000}) {
    for (DType dtype : {DType::f64, DType::f32}) {
      const TensorSpec spec{dtype, {size}};
      Executable& program = cache.get(std::span(&spec, 1));
      program.set_input("x", Tensor::full(dtype, {size}, 2));
      program.run();
      EXPECT_EQ(program.output("y").item(), 6.0 * static_cast<double>(size));
      largest = std::max(largest, program.plan().arena_bytes);
      EXPECT_GE(arena.bytes(), largest);
    }
  }
  EXPECT_EQ(built, 6);
  EXPECT_EQ(cache.size(), 6u);
}

// A program without inputs: nothing but its run can notice that another one moved the arena.
TEST(Executable, FollowsAnArenaThatMoved) {
  register_all_ops();
  StateStore states(cpu_device());
  states.set("w", Tensor::full(DType::f64, {50}, 3));
  Arena arena(cpu_device());
  const auto program = [&](int64_t copies) {
    auto graph = std::make_shared<Graph>();
    const Value w = graph->state("w", DType::f64, {50});
    graph->output("y", expand(w * 2.0, {copies, 50}) + 1.0);
    return std::make_unique<Executable>(graph, states, arena);
  };
  const auto small = program(1);
  small->run();
  const auto large = program(3000);
  small->run();
  for (double value : small->output("y").to_doubles()) EXPECT_EQ(value, 7);
}

// Random numbers follow seed, step and micro-step, and no two nodes draw the same.
TEST(Executable, RandomNodesFollowTheRunsState) {
  register_all_ops();
  auto graph = std::make_shared<Graph>();
  const Value ones = graph->full({64}, 1.0, DType::f32);
  graph->output("a", apply1("dropout", {ones}));
  graph->output("b", apply1("dropout", {ones}));
  const GraphPtr passed = prepare(graph);
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  Executable program(passed, states, arena);
  std::set<std::vector<double>> drawn;
  const RngState runs[] = {{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {1, 1, 2}};
  for (const RngState& rng : runs) {
    program.run(rng);
    TensorMap none;
    const TensorMap expected = run_stepwise(*graph, {}, none, {.rng = rng});
    for (const char* name : {"a", "b"}) {
      EXPECT_TRUE(same_bits(program.output(name), expected.at(name)));
      EXPECT_TRUE(drawn.insert(program.output(name).to_doubles()).second) << name;
    }
  }
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
  EXPECT_THROW(program.set_input("x", 1.0), Error);  // two elements
  EXPECT_THROW(program.set_input("z", 1.0), Error);
}

// A number goes into an input of any dtype rounded to it, and comes out of item().
TEST(Executable, NumbersBecomeInputsOfOneElement) {
  register_all_ops();
  for (const auto& [dtype, expected] : {std::pair{DType::f64, 0.1},
                                        {DType::f32, double{0.1f}},
                                        {DType::bf16, 0.10009765625},
                                        {DType::i64, 0.0},
                                        {DType::bool_, 1.0}}) {
    auto graph = std::make_shared<Graph>();
    graph->output("y", reshape(graph->input("x", dtype, {}), {1}));
    StateStore states(cpu_device());
    Arena arena(cpu_device());
    Executable program(graph, states, arena);
    program.set_input("x", 0.1);
    program.run();
    EXPECT_EQ(program.output("y").item(), expected) << dtype_name(dtype);
  }
}

}  // namespace
}  // namespace gradus
