// SPDX-License-Identifier: Apache-2.0
// The planner on the graphs that people train: the arena is at most 1.05 times what is alive at
// once.
#include <gtest/gtest.h>

#include "engine/exec/executable.h"
#include "ops/all_ops.h"
#include "training/benchmark_models.h"

namespace gradus {
namespace {

class PlanBound : public ::testing::TestWithParam<const char*> {};

TEST_P(PlanBound, ArenaIsWithinFivePercent) {
  register_all_ops();
  const BenchmarkModel model = benchmark_model(GetParam());
  ParameterTable parameters;
  const auto graph =
      training_graph(model.model, model.spec, DType::f32, model.optimizer, 0, parameters);
  std::vector<int64_t> workspaces(graph->nodes().size(), 0);
  for (size_t i = 0; i < workspaces.size(); ++i) {
    const Node& node = graph->node(static_cast<int>(i));
    if (node.kind != NodeKind::op || node.op->view) continue;
    std::vector<TensorSpec> in;
    for (const ValueRef& input : node.inputs)
      in.push_back(input.present() ? graph->spec(input) : TensorSpec::absent());
    workspaces[i] =
        KernelCall(*node.op, node.attrs, in, node.outputs, cpu_device()).workspace_bytes();
  }
  const Plan plan = make_plan(*graph, workspaces);
  EXPECT_LE(static_cast<double>(plan.arena_bytes),
            1.05 * static_cast<double>(plan.lower_bound_bytes))
      << to_table(plan, *graph);
  RecordProperty("arena_bytes", std::to_string(plan.arena_bytes));
}

INSTANTIATE_TEST_SUITE_P(Zoo, PlanBound,
                         ::testing::Values("mlp", "cnn", "resnet18", "lstm", "gpt_v256",
                                           "gpt_v8192", "gpt2_124m"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gradus
