// SPDX-License-Identifier: Apache-2.0
// Whole training steps on the simulated device against the CPU's: the loss of each step, and the
// states that are left at the end.
#include "training/session.h"

#include <cmath>

#include "engine/device/cuda/cuda_device.h"
#include "tests/sim/sim_test.h"
#include "tests/training/training_test.h"

namespace gradus::sim_test {
namespace {

using Settings = std::vector<std::string>;
constexpr int64_t steps = 20;

class Training : public TrainingTest {
 protected:
  void SetUp() override {
    sim::options() = {};
    finish();
    install_cuda_devices();
  }
  void TearDown() override {
    const auto reports = finish();
    EXPECT_TRUE(reports.empty()) << describe(reports);
  }

  Settings images(Settings settings) const {
    settings.insert(settings.begin(), {"data.path=" + folder_.path(), "data.classes=4", "batch=20",
                                       "model.hidden=16", "data.validation_samples=40"});
    return settings;
  }
  Settings text(Settings settings) const {
    std::string letters;
    for (uint32_t i = 0; i < 1000; ++i) letters += static_cast<char>('a' + i % 5);
    folder_.write("train.txt", {letters.begin(), letters.end()});
    folder_.write("val.txt", {letters.begin(), letters.begin() + 60});
    settings.insert(settings.begin(), {"data.format=text", "data.length=8", "batch=4",
                                       "data.path=" + folder_.path()});
    return settings;
  }
  static Recipe on(const char* device, Settings settings) {
    settings.insert(settings.begin(),
                    {std::string("device=") + device, "steps=" + std::to_string(steps)});
    return parse_recipe("", "test", settings);
  }

  // No score changes where all keys move by the same: the gradient of their bias, the middle third,
  // is 0 but for rounding, which Adam makes steps of any size of.
  static bool is_noise(std::string_view name, int64_t element, int64_t count) {
    return name.ends_with("attn.c_attn.bias") && element * 3 / count == 1;
  }

  // Relative to numbers of size 1 or more.
  static void expect_close(const Tensor& there, const Tensor& here, double tolerance,
                           const std::string& what) {
    ASSERT_EQ(there.shape(), here.shape()) << what;
    const Tensor a = there.to(cpu_device()).cast(DType::f64), b = here.cast(DType::f64);
    for (int64_t i = 0; i < b.numel(); ++i) {
      if (is_noise(what, i, b.numel())) continue;
      const double x = a.data_as<const double>()[i], y = b.data_as<const double>()[i];
      ASSERT_NEAR(x, y, tolerance * std::max(1.0, std::abs(y))) << what << " element " << i;
    }
  }

  static void expect_equal_runs(const Settings& settings) {
    TrainingSession there(on("cuda", settings)), here(on("cpu", settings));
    ASSERT_EQ(device_name(there.device().info()), "cuda:0");
    double first = 0, last = 0;
    for (int64_t step = 1; step <= steps; ++step) {
      last = here.run_step(step);
      if (step == 1) first = last;
      ASSERT_NEAR(there.run_step(step), last, 1e-5 * std::max(1.0, std::abs(last)))
          << "step " << step;
    }
    EXPECT_LT(last, first);  // it did learn
    ASSERT_EQ(there.states().all().size(), here.states().all().size());
    for (const auto& [name, state] : here.states().all())
      expect_close(there.states().get(name), state, 1e-4, name);
    const auto never = [] { return false; };
    const Score score = there.validate(never).value(), expected = here.validate(never).value();
    EXPECT_NEAR(score.loss, expected.loss, 1e-4);
  }
};

TEST_F(Training, MlpByAdamWEqualsTheCpu) {
  expect_equal_runs(images({"optimizer.name=adamw", "optimizer.weight_decay=0.01", "lr=0.01"}));
}

TEST_F(Training, MlpByMomentumWithDropoutAndClipEqualsTheCpu) {
  expect_equal_runs(images({"optimizer.name=momentum", "model.dropout=0.1", "clip=0.5", "lr=0.1"}));
}

TEST_F(Training, GptEqualsTheCpu) {
  expect_equal_runs(text({"model.name=gpt", "model.width=16", "model.heads=2", "model.layers=1",
                          "model.dropout=0.1", "clip=1", "lr=0.01"}));
}

}  // namespace
}  // namespace gradus::sim_test
