// SPDX-License-Identifier: Apache-2.0
// Every check of tools/op_check.h on every registered op. `ctest -R softmax` runs those of softmax.
#include <gtest/gtest.h>

#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tools/op_check.h"

namespace gradus {
namespace {

std::vector<std::string> ops_under(std::string_view check_name) {
  register_all_ops();
  std::vector<std::string> ops;
  for (const OpCheck& check : op_checks())
    if (check.name == check_name)
      for (const OpDef& op : all_ops())
        if (check.applies(op)) ops.emplace_back(op.name);
  return ops;
}

std::string op_name(const testing::TestParamInfo<std::string>& info) { return info.param; }

void expect_holds(std::string_view check_name, const OpDef& op) {
  for (const OpCheck& check : op_checks()) {
    if (check.name != check_name) continue;
    const CheckReport report = run_check(check, op);
    for (const std::string& problem : report.problems) ADD_FAILURE() << op.name << ": " << problem;
    if (report.checks == 0 && report.problems.empty()) GTEST_SKIP() << "nothing to compare";
  }
}

// One suite per check, so that a test is named check, then op.
#define GRADUS_CHECK_SUITE(suite, check)                            \
  class suite : public testing::TestWithParam<std::string> {};      \
  TEST_P(suite, holds) { expect_holds(check, get_op(GetParam())); } \
  INSTANTIATE_TEST_SUITE_P(EveryOp, suite, testing::ValuesIn(ops_under(check)), op_name)

GRADUS_CHECK_SUITE(Coverage, "coverage");
GRADUS_CHECK_SUITE(Precision, "precision");
GRADUS_CHECK_SUITE(Twin, "twin");
GRADUS_CHECK_SUITE(Gradient, "gradient");
GRADUS_CHECK_SUITE(SecondDerivative, "second_derivative");
GRADUS_CHECK_SUITE(Determinism, "determinism");
GRADUS_CHECK_SUITE(Memory, "memory");
// No op need have a second variant.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Variants);
GRADUS_CHECK_SUITE(Variants, "variants");

TEST(EveryOp, there_are_ops_and_every_check_has_a_suite) {
  register_all_ops();
  EXPECT_GT(all_ops().size(), 40u);
  EXPECT_EQ(op_checks().size(), 8u);
}

}  // namespace
}  // namespace gradus
