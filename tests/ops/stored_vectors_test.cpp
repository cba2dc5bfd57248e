// SPDX-License-Identifier: Apache-2.0
// Replays cases that tests/suites/opinfo.py --store took from PyTorch: outputs and gradients within
// assert_close's default tolerance of the f64 truth, or twice PyTorch's own error where that is
// larger. NAME/expected.X is the truth of tensor X, NAME/slack.X the error allowed beyond default.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tests/support/program.h"
#include "tools/op_batch.h"

namespace gradus {
namespace {

constexpr std::string_view expected_prefix = "expected.", slack_prefix = "slack.";

const std::vector<BatchCase>& stored_cases() {
  static const auto* cases =
      new std::vector<BatchCase>(read_batch(testing::source_path("tests/vectors/ops.safetensors")));
  return *cases;
}

struct Tolerance {
  double relative, absolute;
};

// Those of torch.testing.assert_close.
Tolerance default_tolerance(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return {1e-7, 1e-7};
    case DType::f32:
      return {1.3e-6, 1e-5};
    case DType::f16:
      return {1e-3, 1e-5};
    case DType::bf16:
      return {1.6e-2, 1e-5};
    default:
      return {0, 0};
  }
}

void compare(const Tensor& got, const Tensor& truth, double slack, const std::string& what) {
  ASSERT_EQ(got.shape(), truth.shape()) << what;
  ASSERT_EQ(is_floating(got.dtype()), is_floating(truth.dtype())) << what;
  const Tolerance tolerance = default_tolerance(got.dtype());
  const std::vector<double> values = got.to_doubles(), expected = truth.to_doubles();
  const std::vector<double> stored = truth.cast(got.dtype()).to_doubles();
  for (size_t i = 0; i < values.size(); ++i) {
    const bool same = values[i] == stored[i] || (std::isnan(values[i]) && std::isnan(stored[i]));
    const double allowed =
        std::max(slack, tolerance.absolute + tolerance.relative * std::fabs(expected[i]));
    ASSERT_TRUE(same || std::fabs(values[i] - expected[i]) <= allowed)
        << what << " element " << i << ": expected " << expected[i] << ", got " << values[i];
  }
}

void replay(const BatchCase& stored) {
  BatchCase inputs = stored;
  std::erase_if(inputs.tensors, [](const auto& named) {
    return named.first.starts_with(expected_prefix) || named.first.starts_with(slack_prefix);
  });
  const NamedTensors results = run_batch_case(inputs);
  int compared = 0;
  for (const auto& [name, truth] : stored.tensors) {
    if (!name.starts_with(expected_prefix)) continue;
    const std::string output = name.substr(expected_prefix.size());
    const auto got = results.find(output);
    ASSERT_NE(got, results.end()) << stored.name << " lacks " << output;
    const auto slack = stored.tensors.find(std::string(slack_prefix) + output);
    compare(got->second, truth, slack == stored.tensors.end() ? 0 : slack->second.item(),
            stored.name + " " + stored.attrs + " " + output);
    ++compared;
  }
  EXPECT_GT(compared, 0) << stored.name;
}

// Asked before any test runs, when an error would end the program: a missing or broken file gives
// no names, and the last test says what is wrong with it.
std::vector<std::string> ops_with_cases() {
  std::set<std::string> names;
  try {
    for (const BatchCase& stored : stored_cases()) names.insert(stored.op);
  } catch (const Error&) {
    return {};
  }
  return {names.begin(), names.end()};
}

class StoredVectors : public ::testing::TestWithParam<std::string> {};

TEST_P(StoredVectors, agree) {
  register_all_ops();
  for (const BatchCase& stored : stored_cases()) {
    if (stored.op != GetParam()) continue;
    try {
      replay(stored);
    } catch (const Error& error) {
      ADD_FAILURE() << stored.name << ": " << error.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, StoredVectors, ::testing::ValuesIn(ops_with_cases()),
                         [](const auto& info) { return info.param; });

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoredVectors);

TEST(PyTorch, there_are_stored_vectors) {
  EXPECT_NO_THROW((void)stored_cases());
  EXPECT_GT(ops_with_cases().size(), 90u);
}

}  // namespace
}  // namespace gradus
