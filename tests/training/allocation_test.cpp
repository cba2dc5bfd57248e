// SPDX-License-Identifier: Apache-2.0
// From the second step on a run allocates nothing: not a kernel, not the engine, not the trainer's
// own loop with its data, metrics and validation.
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "engine/base/parallel.h"
#include "engine/exec/executable.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/allocation_counter.h"
#include "training/benchmark_models.h"
#include "training/trainer.h"

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
  double loss = 0;
  for (uint64_t i = 0; i < 3; ++i) {
    const int64_t before = testing::allocation_count();
    step.set_input("input", batch.inputs);
    step.set_input("target", batch.targets);
    step.set_input("lr", model.lr);
    step.set_input("step", static_cast<double>(i + 1));
    step.run({.seed = 1, .step = i});
    loss += step.output("loss").item();
    const int64_t after = testing::allocation_count();
    counts.push_back(after - before);
  }
  EXPECT_GT(loss, 0);
  EXPECT_GT(testing::allocation_count(), 0);  // the counter is in place
  EXPECT_EQ(counts[1], 0);
  EXPECT_EQ(counts[2], 0);
}

INSTANTIATE_TEST_SUITE_P(Models, Allocation, ::testing::Values("mlp", "cnn", "lstm", "gpt_v256"),
                         [](const auto& info) { return std::string(info.param); });

// What a user's recipe would run, by settings on top of the data's.
struct RecipeCase {
  const char* name;
  std::vector<std::string> settings;
  int threads;
};

class TrainerAllocation : public ::testing::TestWithParam<RecipeCase> {
 protected:
  TrainerAllocation() {
    register_all_ops();
    for (const auto& [prefix, count] : {std::pair{"train", 90u}, {"t10k", 10u}}) {
      std::vector<uint8_t> labels(count), pixels(count * 64);
      for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * i % 251);
      for (size_t i = 0; i < count; ++i) labels[i] = static_cast<uint8_t>(i % 4);
      folder_.write(prefix + std::string("-images-idx3-ubyte"), idx_bytes({count, 8, 8}, pixels));
      folder_.write(prefix + std::string("-labels-idx1-ubyte"), idx_bytes({count}, labels));
    }
    std::ofstream(folder_.file("train.txt")) << std::string(1500, 'a') << std::string(500, 'b');
    std::ofstream(folder_.file("val.txt")) << std::string(150, 'b');
  }
  ~TrainerAllocation() override { set_thread_count(1); }

  TemporaryFolder folder_;
};

// Between the ends of steps 2 .. N lie new epochs with their new order, and validations.
TEST_P(TrainerAllocation, ARunDoesNoneAfterItsFirstStep) {
  if (!testing::counts_allocations()) GTEST_SKIP() << "the sanitizer's malloc is not counted";
  // No checkpoint by the clock: writing one allocates.
  std::vector<std::string> settings = {"data.path=" + folder_.path(), "batch=16", "epochs=3",
                                       "checkpoint.every=-1",
                                       "threads=" + std::to_string(GetParam().threads)};
  settings.insert(settings.end(), GetParam().settings.begin(), GetParam().settings.end());
  std::vector<int64_t> counts, validated;
  counts.reserve(1000);
  validated.reserve(1000);
  TrainingObserver observer;
  observer.stepped = [&](const StepReport&) { counts.push_back(testing::allocation_count()); };
  observer.validated = [&](int64_t, const Score&) {
    validated.push_back(testing::allocation_count());
  };
  const TrainingResult result =
      train(parse_recipe("", "test", settings), folder_.file("run"), observer);
  ASSERT_GT(result.steps, 8);
  ASSERT_EQ(counts.size(), static_cast<size_t>(result.steps));
  ASSERT_GT(validated.size(), 1u);
  // The first step makes the metrics file.
  for (size_t i = 1; i < counts.size(); ++i)
    EXPECT_EQ(counts[i] - counts[0], 0) << "step " << i + 1;
  EXPECT_EQ(validated.back() - counts[0], 0);
}

const std::vector<std::string> text = {"data.format=text", "data.length=20"};
std::vector<std::string> with(std::vector<std::string> settings,
                              const std::vector<std::string>& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}
const std::vector<std::string> images = {"data.classes=4", "data.validation_samples=20"};

INSTANTIATE_TEST_SUITE_P(
    Recipes, TrainerAllocation,
    ::testing::Values(
        RecipeCase{"mlp", with(images, {"model.hidden=16", "model.dropout=0.2", "clip=1"}), 1},
        RecipeCase{"mlp_two_threads", with(images, {"model.hidden=512"}), 2},
        RecipeCase{"cnn_three_threads",
                   with(images, {"model.name=cnn", "model.channels=8,8", "optimizer.name=momentum",
                                 "schedule.name=cosine", "schedule.warmup=3"}),
                   3},
        RecipeCase{"mlp_in_parts", with(images, {"model.hidden=16", "accumulate=4"}), 1},
        RecipeCase{"cnn_f64", with(images, {"model.name=cnn", "precision=f64"}), 1},
        RecipeCase{"lstm", with(text, {"model.name=lstm", "model.width=16", "model.cells=16"}), 1},
        RecipeCase{"gpt_two_threads",
                   with(text, {"model.name=gpt", "model.width=32", "model.layers=2"}), 2}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gradus
