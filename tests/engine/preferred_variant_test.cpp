// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/preferred_variant.h"

#include <gtest/gtest.h>

#include "engine/exec/kernel_call.h"
#include "tests/ops/graph_call.h"

namespace gradus {
namespace {

class PreferredVariant : public ::testing::Test {
 protected:
  void SetUp() override { register_all_ops(); }
  void TearDown() override { set_preferred_variant(""); }

  std::string chosen(std::string_view name, DType dtype) {
    const OpDef& op = get_op(name);
    const Attrs attrs(op.name, op.attributes, {});
    const std::vector<TensorSpec> in{{dtype, {8, 8}}, {dtype, {8, 8}}};
    const std::vector<TensorSpec> out = op.infer({op.name, in, attrs});
    return std::string(KernelCall(op, attrs, in, out, cpu_device()).variant());
  }

  static std::string refusal(std::string_view name) {
    try {
      set_preferred_variant(name);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::not_found);
      return error.what();
    }
    return "";
  }
};

TEST_F(PreferredVariant, RunsWhereAnOpHasItAndItTakesTheCall) {
  EXPECT_EQ(chosen("gemm", DType::f64), "packed");
  set_preferred_variant("reference");
  EXPECT_EQ(chosen("gemm", DType::f64), "reference");
  set_preferred_variant("packed");
  EXPECT_EQ(chosen("gemm", DType::f64), "packed");
  EXPECT_EQ(chosen("gemm", DType::i64), "reference");  // packed takes no integers
  EXPECT_NE(chosen("add", DType::f32), "packed");      // add has none
}

TEST_F(PreferredVariant, RefusesANameThatNoOpHas) {
  EXPECT_NE(refusal("refrence").find("did you mean 'reference'"), std::string::npos);
  EXPECT_NE(refusal("zzzzzzzzzzzz").find("gradus op show"), std::string::npos);
  EXPECT_EQ(preferred_variant(), "");
}

}  // namespace
}  // namespace gradus
