// SPDX-License-Identifier: Apache-2.0
// What the generic test cannot know of layer_norm: values by hand, large offsets, independence of
// the batch, messages.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/graph_call.h"

namespace gradus {
namespace {

AttrList over(int64_t cols, double eps = 1e-5) {
  return {{"normalized_shape", AttrValue::Integers{cols}}, {"eps", eps}};
}

std::vector<double> exact(const std::vector<double>& x, int64_t cols, double eps) {
  std::vector<double> y(x.size());
  for (size_t row = 0; row < x.size() / static_cast<size_t>(cols); ++row) {
    const double* in = x.data() + row * static_cast<size_t>(cols);
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < cols; ++c) mean += in[c] / static_cast<double>(cols);
    for (int64_t c = 0; c < cols; ++c)
      variance += (in[c] - mean) * (in[c] - mean) / static_cast<double>(cols);
    for (int64_t c = 0; c < cols; ++c)
      y[row * static_cast<size_t>(cols) + static_cast<size_t>(c)] =
          (in[c] - mean) / std::sqrt(variance + eps);
  }
  return y;
}

TEST(LayerNorm, three_values_by_hand) {
  // 1, 2, 6: mean 3, variance 14 / 3.
  const Called called = call(
      "layer_norm", {doubles({1, 3}, {1, 2, 6}), doubles({3}, {1, 1, 2}), doubles({3}, {0, 10, 0})},
      over(3, 0));
  const double rstd = 1 / std::sqrt(14.0 / 3);
  const std::vector<double> y = called.outputs[0].to_doubles();
  EXPECT_NEAR(y[0], -2 * rstd, 1e-15);
  EXPECT_NEAR(y[1], 10 - rstd, 1e-14);
  EXPECT_NEAR(y[2], 6 * rstd, 1e-14);
  EXPECT_NEAR(called.outputs[1].item(), 3, 1e-15);
  EXPECT_NEAR(called.outputs[2].item(), rstd, 1e-15);
}

TEST(LayerNorm, an_offset_of_ten_thousand_costs_no_accuracy) {
  for (const int64_t cols : {1, 2, 17, 64, 1000, 4097, 16384}) {
    const Tensor x = random_tensor(DType::f32, {3, cols}, 5, 1e4 - 1.7320508, 1e4 + 1.7320508);
    const std::vector<double> expected = exact(x.to_doubles(), cols, 1e-5);
    for (const std::string& variant : variants_of("layer_norm", {x, {}, {}}, over(cols))) {
      const std::vector<double> y =
          call_variant("layer_norm", {x}, over(cols), variant)[0].to_doubles();
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_NEAR(y[i], expected[i], 1e-3)
            << variant << ", " << cols << " columns, element " << i;
    }
  }
}

TEST(LayerNorm, a_sample_does_not_depend_on_its_batch) {
  const Tensor batch = random_tensor(DType::f32, {64, 77}, 3);
  const std::vector<double> all = batch.to_doubles();
  const Tensor one =
      doubles({1, 77}, {all.begin() + 41 * 77, all.begin() + 42 * 77}).cast(DType::f32);
  for (const std::string& variant : variants_of("layer_norm", {batch, {}, {}}, over(77))) {
    const std::vector<double> of_batch =
        call_variant("layer_norm", {batch}, over(77), variant)[0].to_doubles();
    const std::vector<double> alone =
        call_variant("layer_norm", {one}, over(77), variant)[0].to_doubles();
    for (size_t i = 0; i < 77; ++i) ASSERT_EQ(of_batch[41 * 77 + i], alone[i]) << variant;
  }
}

TEST(LayerNorm, messages_say_what_was_expected) {
  const Tensor x = Tensor::zeros(DType::f32, {2, 3});
  EXPECT_EQ(failure_of("layer_norm", {x}, over(4)),
            "[layer_norm] attribute 'normalized_shape', expected the last sizes of the input (2, "
            "3), got [4]");
  EXPECT_EQ(failure_of("layer_norm", {x, Tensor::zeros(DType::f32, {2})}, over(3)),
            "[layer_norm] shape of 'weight', expected (3), got (2)");
  EXPECT_EQ(failure_of("layer_norm", {x, Tensor::zeros(DType::f64, {3})}, over(3)),
            "[layer_norm] dtype of 'weight', expected f32, got f64");
}

TEST(GroupNorm, messages_say_what_was_expected) {
  const Tensor x = Tensor::zeros(DType::f32, {2, 6, 3});
  EXPECT_EQ(failure_of("group_norm", {x}, {{"num_groups", 4}}),
            "[group_norm] attribute 'num_groups', expected a divisor of 6 channels, got 4");
}

// eps none is the epsilon of f32, for reduced floats too.
TEST(RmsNorm, small_values_meet_the_default_eps) {
  const Tensor x = doubles({1, 2}, {1e-4, -1e-4}).cast(DType::f32);
  const double expected = 1e-4 / std::sqrt(1e-8 + 1.1920928955078125e-07);
  EXPECT_NEAR(call("rms_norm", {x}, {{"normalized_shape", 2}}).outputs[0].to_doubles()[0], expected,
              1e-7);
}

}  // namespace
}  // namespace gradus
