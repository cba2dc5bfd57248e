// SPDX-License-Identifier: Apache-2.0
// Equal elements, for every op that chooses among them: the first wins, and a gradient is shared or
// goes to one, but is neither lost nor given twice.
#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tools/op_case.h"

namespace gradus {
namespace {

// The op's samples for f64 with all inputs rounded to three values.
std::vector<OpCase> tied_cases(const OpDef& op) {
  std::vector<OpCase> cases;
  size_t index = 0;
  for (const Sample& sample : op.samples()) {
    if (sample.bench) continue;
    OpCase tied{&op, sample.attrs, sample_inputs(sample, DType::f64, std::to_string(++index))};
    bool floats = true;
    for (const Tensor& input : tied.inputs) {
      floats &= input.dtype() == DType::f64;
      if (!floats) break;
      for (int64_t i = 0; i < input.numel(); ++i) {
        double& value = input.data_as<double>()[i];
        value = std::remainder(std::round(value * 97), 3);
      }
    }
    if (floats) cases.push_back(tied);
  }
  return cases;
}

class Ties : public testing::TestWithParam<const char*> {
 protected:
  Ties() { register_all_ops(); }
};

class Choice : public Ties {};

// Every element moved a little by its place, so that the first of equals is the best of them, must
// give the same choice.
TEST_P(Choice, takes_the_first_of_equals) {
  int64_t compared = 0;
  for (const OpCase& tied : tied_cases(get_op(GetParam()))) {
    const TensorMap chosen = OpGraph(tied).run(named_inputs(tied));
    bool largest = tied.op->name != "argmin" && tied.op->name != "sort";
    for (const auto& [name, value] : tied.attrs)
      if (name == "descending" || name == "largest") largest = *value.as<bool>();
    OpCase moved = tied;
    moved.inputs[0] = tied.inputs[0].to(cpu_device());
    for (int64_t i = 0; i < moved.inputs[0].numel(); ++i)
      moved.inputs[0].data_as<double>()[i] += (largest ? -1e-6 : 1e-6) * static_cast<double>(i);
    const TensorMap expected = OpGraph(moved).run(named_inputs(moved));
    for (const auto& [name, tensor] : expected) {
      if (tensor.dtype() != DType::i64) continue;
      EXPECT_EQ(chosen.at(name).to_doubles(), tensor.to_doubles()) << describe(tied);
      compared += tensor.numel();
    }
  }
  EXPECT_GT(compared, 10);
}

INSTANTIATE_TEST_SUITE_P(Ops, Choice,
                         testing::Values("argmax", "argmin", "sort", "topk", "max_pool1d",
                                         "max_pool2d", "max_pool3d", "adaptive_max_pool1d",
                                         "adaptive_max_pool2d", "adaptive_max_pool3d"),
                         [](const auto& info) { return std::string(info.param); });

class Mass : public Ties {};

// Adding c to all inputs adds c to the outputs, so all gradients together are the seeds' sum.
TEST_P(Mass, of_the_gradient_is_kept) {
  int64_t compared = 0;
  for (const OpCase& tied : tied_cases(get_op(GetParam()))) {
    const OpGraph graph(tied, 1);
    TensorMap inputs = named_inputs(tied);
    double given = 0, found = 0;
    for (size_t k : graph.floating_outputs()) {
      const TensorSpec& spec = graph.outputs()[k].spec();
      const std::string name = fmt::format("grad_output.{}", k);
      inputs[name] = random_tensor(spec.dtype, spec.shape, name);
      for (double value : inputs[name].to_doubles()) given += value;
    }
    for (const auto& [name, tensor] : graph.run(inputs)) {
      if (!name.starts_with("grad.")) continue;
      for (double value : tensor.to_doubles()) found += value;
      ++compared;
    }
    EXPECT_NEAR(found, given, 1e-9 * (1 + std::fabs(given))) << describe(tied);
  }
  EXPECT_GT(compared, 3);
}

INSTANTIATE_TEST_SUITE_P(Ops, Mass,
                         testing::Values("amax", "amin", "maximum", "minimum", "sort", "max_pool1d",
                                         "max_pool2d", "max_pool3d", "adaptive_max_pool2d",
                                         "global_max_pool"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gradus
