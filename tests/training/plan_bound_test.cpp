// SPDX-License-Identifier: Apache-2.0
// The planner on the graphs that people train and evaluate: the arena is at most 1.05 times what is
// alive at once, and nothing is kept alive that no later step reads.
#include <gtest/gtest.h>

#include "engine/exec/executable.h"
#include "models/resnet.h"
#include "ops/all_ops.h"
#include "training/benchmark_models.h"

namespace gradus {
namespace {

std::vector<int64_t> workspaces_of(const Graph& graph) {
  std::vector<int64_t> workspaces(graph.nodes().size(), 0);
  for (size_t i = 0; i < workspaces.size(); ++i) {
    const Node& node = graph.node(static_cast<int>(i));
    if (node.kind != NodeKind::op || node.op->view) continue;
    std::vector<TensorSpec> in;
    for (const ValueRef& input : node.inputs)
      in.push_back(input.present() ? graph.spec(input) : TensorSpec::absent());
    workspaces[i] =
        KernelCall(*node.op, node.attrs, in, node.outputs, cpu_device()).workspace_bytes();
  }
  return workspaces;
}

// The last step that needs each value, counted from the graph and the order alone; outputs and next
// versions of states are needed after the last step.
std::map<ValueRef, int> last_needs(const Graph& graph, const Plan& plan) {
  std::map<ValueRef, int> needs;
  const int steps = static_cast<int>(plan.order.size());
  const auto owner = [&](ValueRef value) {
    while (graph.node(value.node).kind == NodeKind::op && graph.node(value.node).op->view)
      value = graph.node(value.node).inputs[0];
    return value;
  };
  for (int step = 0; step < steps; ++step) {
    const int index = plan.order[static_cast<size_t>(step)];
    for (const ValueRef& input : graph.node(index).inputs)
      if (input.present()) needs[owner(input)] = step;
    for (int k = 0; k < static_cast<int>(graph.node(index).outputs.size()); ++k)
      needs.try_emplace({index, k}, step);
  }
  for (const NamedValue& output : graph.outputs()) needs[owner(output.value)] = steps;
  for (const NamedValue& update : graph.updates()) needs[owner(update.value)] = steps;
  return needs;
}

// No buffer outlives the values that lie in it. Without this, a planner could meet any bound by
// keeping everything.
void expect_short_lives(const Graph& graph, const Plan& plan) {
  const std::map<ValueRef, int> needs = last_needs(graph, plan);
  std::vector<int> allowed;
  for (const PlannedBuffer& buffer : plan.buffers) allowed.push_back(buffer.begin);
  std::map<int, int> step_of;
  for (size_t step = 0; step < plan.order.size(); ++step)
    step_of[plan.order[step]] = static_cast<int>(step);
  for (const auto& [value, placement] : plan.placements) {
    if (placement.storage != Storage::arena) continue;
    const bool source = graph.node(value.node).kind != NodeKind::op;
    const int made = source ? 0 : step_of.at(value.node);
    const auto need = needs.find(value);
    if (need == needs.end()) continue;
    for (size_t b = 0; b < plan.buffers.size(); ++b)
      if (plan.buffers[b].offset == placement.offset && plan.buffers[b].begin <= made &&
          made <= plan.buffers[b].end)
        allowed[b] = std::max(allowed[b], need->second);
  }
  const int steps = static_cast<int>(plan.order.size());
  for (size_t b = 0; b < plan.buffers.size(); ++b)
    EXPECT_LE(std::min(plan.buffers[b].end, steps), allowed[b])
        << "the buffer of node " << plan.buffers[b].first_value.node << " from step "
        << plan.buffers[b].begin << " of " << steps;
}

void expect_within_bound(const Graph& graph) {
  const Plan plan = make_plan(graph, workspaces_of(graph));
  EXPECT_LE(static_cast<double>(plan.arena_bytes),
            1.05 * static_cast<double>(plan.lower_bound_bytes))
      << to_table(plan, graph);
  expect_short_lives(graph, plan);
}

BenchmarkModel image_model(std::string_view name, Model model, const Shape& sample) {
  BenchmarkModel result;
  result.name = name;
  result.model = std::move(model);
  result.spec = {8, sample, {}, false};
  result.optimizer = make_optimizer("momentum");
  return result;
}

// The benchmark's models and the others that recipes can name.
BenchmarkModel zoo_model(const std::string& name) {
  const auto resnet = [](int64_t depth, bool small) {
    return [=](Place& place, Value x) {
      return Resnet{.depth = depth, .small_stem = small}.build(place, x);
    };
  };
  if (name == "resnet20") return image_model("resnet20", resnet(20, true), {3, 32, 32});
  if (name == "resnet34") return image_model("resnet34", resnet(34, true), {3, 32, 32});
  if (name == "resnet50") return image_model("resnet50", resnet(50, false), {3, 224, 224});
  return benchmark_model(name);
}

class PlanBound : public ::testing::TestWithParam<const char*> {};

TEST_P(PlanBound, ArenaIsWithinFivePercent) {
  register_all_ops();
  const BenchmarkModel model = zoo_model(GetParam());
  ParameterTable parameters;
  expect_within_bound(
      *training_graph(model.model, model.spec, DType::f32, model.optimizer, 0, parameters));
}

TEST_P(PlanBound, ThatOfEvaluationToo) {
  register_all_ops();
  const BenchmarkModel model = zoo_model(GetParam());
  ParameterTable parameters;
  expect_within_bound(*evaluation_graph(model.model, model.spec, DType::f32, parameters));
}

INSTANTIATE_TEST_SUITE_P(Zoo, PlanBound,
                         ::testing::Values("mlp", "cnn", "resnet18", "resnet20", "resnet34",
                                           "resnet50", "lstm", "gpt_v256", "gpt_v8192",
                                           "gpt2_124m"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gradus
