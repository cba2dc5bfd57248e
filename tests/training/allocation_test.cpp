// SPDX-License-Identifier: Apache-2.0
// A planned step allocates nothing: not the engine, not a kernel, not oneDNN.
#include <gtest/gtest.h>

#include <vector>

#include "engine/exec/executable.h"
#include "ops/all_ops.h"
#include "tests/support/allocation_counter.h"
#include "training/benchmark_models.h"

namespace gradus {
namespace {

class Allocation : public ::testing::TestWithParam<const char*> {};

TEST_P(Allocation, StepsAfterTheFirstDoNone) {
  if (!testing::counts_allocations()) GTEST_SKIP() << "the sanitizer's malloc is not counted";
  register_all_ops();
  const BenchmarkModel model = benchmark_model(GetParam());
  ParameterTable parameters;
  const auto graph =
      training_graph(model.model, model.spec, DType::f32, model.optimizer, 0, parameters);
  StateStore states(cpu_device());
  set_first_values(parameters, 1, states);
  Arena arena(cpu_device());
  Executable step(graph, states, arena);
  const HostBatch batch = benchmark_batch(model);
  std::vector<int64_t> counts;
  for (uint64_t i = 0; i < 3; ++i) {
    step.set_input("input", batch.inputs);
    step.set_input("target", batch.targets);
    step.set_input("lr", Tensor::full(DType::f32, {}, model.lr));
    step.set_input("step", Tensor::full(DType::f32, {}, static_cast<double>(i + 1)));
    const int64_t before = testing::allocation_count();
    step.run({.seed = 1, .step = i});
    counts.push_back(testing::allocation_count() - before);
  }
  EXPECT_GT(testing::allocation_count(), 0);  // the counter is in place
  EXPECT_EQ(counts[1], 0);
  EXPECT_EQ(counts[2], 0);
}

INSTANTIATE_TEST_SUITE_P(Models, Allocation, ::testing::Values("mlp", "cnn", "lstm", "gpt_v256"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gradus
