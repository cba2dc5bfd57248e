// SPDX-License-Identifier: Apache-2.0
// No plain-loop kernel computes in the steps that are compared with other engines, with AVX2 alone
// too (set GRADUS_MAX_ISA=avx2).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "engine/base/instruction_set.h"
#include "engine/exec/kernel_call.h"
#include "ops/all_ops.h"
#include "training/benchmark_models.h"

namespace gradus {
namespace {

// Ops that only move data have nothing but their one kernel.
constexpr std::array<std::string_view, 10> movement{
    "slice_backward", "permute", "cat",  "split",   "slice",
    "embedding",      "expand",  "full", "reshape", "index_select"};

class Variants : public ::testing::TestWithParam<const char*> {};

TEST_P(Variants, NoReferenceKernelComputes) {
  register_all_ops();
  if (instruction_set() == InstructionSet::base) GTEST_SKIP() << "no AVX2";
  const BenchmarkModel model = benchmark_model(GetParam());
  ParameterTable parameters;
  const auto graph =
      training_graph(model.model, model.spec, DType::f32, model.optimizer, 0, parameters);
  int computed = 0;
  for (const Node& node : graph->nodes()) {
    if (node.kind != NodeKind::op || node.op->view) continue;
    if (std::ranges::find(movement, node.op->name) != movement.end()) continue;
    std::vector<TensorSpec> in;
    for (const ValueRef& input : node.inputs)
      in.push_back(input.present() ? graph->spec(input) : TensorSpec::absent());
    const KernelCall call(*node.op, node.attrs, in, node.outputs, cpu_device());
    EXPECT_FALSE(call.variant() == "reference") << node.op->name << " " << node.name;
    ++computed;
  }
  EXPECT_GT(computed, 5);
}

INSTANTIATE_TEST_SUITE_P(Zoo, Variants,
                         ::testing::Values("mlp", "cnn", "resnet18", "lstm", "gpt_v256",
                                           "gpt_v8192", "gpt2_124m"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gradus
