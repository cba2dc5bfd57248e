// SPDX-License-Identifier: Apache-2.0
// What the generic test cannot know of batch_norm: statistics of its output, running statistics,
// messages.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/graph_call.h"

namespace gradus {
namespace {

const AttrList training{{"training", true}};

TEST(BatchNorm, features_have_mean_0_and_deviation_1) {
  for (const Shape& shape : {Shape{64, 5}, Shape{8, 5, 6, 7}}) {
    const Tensor x = random_tensor(DType::f32, shape, 1, 3, 9);
    for (const std::string& variant : variants_of("batch_norm", {x, {}, {}, {}, {}}, training)) {
      const std::vector<double> y =
          call_variant("batch_norm", {x}, training, variant)[0].to_doubles();
      const int64_t space = shape.product(2, shape.rank());
      for (int64_t c = 0; c < 5; ++c) {
        double sum = 0, squares = 0;
        for (int64_t n = 0; n < shape[0]; ++n)
          for (int64_t i = 0; i < space; ++i) {
            const double value = y[static_cast<size_t>((n * 5 + c) * space + i)];
            sum += value;
            squares += value * value;
          }
        const double count = static_cast<double>(shape[0] * space);
        EXPECT_NEAR(sum / count, 0, 1e-5) << variant;
        EXPECT_NEAR(std::sqrt(squares / count), 1, 1e-3) << variant;
      }
    }
  }
}

TEST(BatchNorm, running_statistics_by_hand) {
  // The values 1, 2, 6: mean 3, unbiased variance 7.
  const Called called =
      call("batch_norm", {doubles({3, 1}, {1, 2, 6}), doubles({1}, {1}), doubles({1}, {2})},
           {{"training", true}, {"momentum", 0.25}});
  EXPECT_NEAR(called.outputs[1].item(), 0.75 * 1 + 0.25 * 3, 1e-15);
  EXPECT_NEAR(called.outputs[2].item(), 0.75 * 2 + 0.25 * 7, 1e-15);
}

TEST(BatchNorm, running_mean_reaches_the_mean_of_the_data) {
  Tensor mean = Tensor::zeros(DType::f32, {3}), variance = Tensor::full(DType::f32, {3}, 1);
  for (uint64_t step = 0; step < 100; ++step) {
    const Tensor x = random_tensor(DType::f32, {256, 3}, step, 4, 6);
    const std::vector<Tensor> out = call("batch_norm", {x, mean, variance}, training).outputs;
    mean = out[1];
    variance = out[2];
  }
  for (double value : mean.to_doubles()) EXPECT_NEAR(value, 5, 0.05);
  for (double value : variance.to_doubles()) EXPECT_NEAR(value, 1.0 / 3, 0.02);
}

TEST(BatchNorm, without_training_a_sample_does_not_depend_on_the_others) {
  const Tensor x = random_tensor(DType::f32, {9, 4, 11}, 2);
  const std::vector<double> all = x.to_doubles();
  const Tensor one =
      doubles({1, 4, 11}, {all.begin() + 5 * 44, all.begin() + 6 * 44}).cast(DType::f32);
  const Tensor mean = random_tensor(DType::f32, {4}, 3),
               var = random_tensor(DType::f32, {4}, 4, 1, 2);
  for (const std::string& variant : variants_of("batch_norm", {x, mean, var, {}, {}})) {
    const std::vector<double> of_batch =
        call_variant("batch_norm", {x, mean, var}, {}, variant)[0].to_doubles();
    const std::vector<double> alone =
        call_variant("batch_norm", {one, mean, var}, {}, variant)[0].to_doubles();
    for (size_t i = 0; i < 44; ++i) ASSERT_EQ(of_batch[5 * 44 + i], alone[i]) << variant;
  }
}

TEST(BatchNorm, messages_say_what_was_expected) {
  const Tensor x = Tensor::zeros(DType::f32, {1, 3});
  EXPECT_EQ(failure_of("batch_norm", {x}, training),
            "[batch_norm] training, expected more than one value per channel, got f32 (1, 3)");
  EXPECT_EQ(failure_of("batch_norm", {x}),
            "[batch_norm] without training, expected running_mean and running_var");
  EXPECT_EQ(failure_of("instance_norm", {x}),
            "[instance_norm] expected more than one value in space, got f32 (1, 3)");
}

}  // namespace
}  // namespace gradus
