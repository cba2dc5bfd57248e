// SPDX-License-Identifier: Apache-2.0
// What is planned is what the allocators hand out, to the byte, at every step and validation of
// real runs: all models, update rules and everything else that keeps memory.
#include "training/memory_plan.h"

#include <fstream>

#include "tests/training/training_test.h"
#include "training/batch_choice.h"
#include "training/session.h"

namespace gradus {
namespace {

using Settings = std::vector<std::string>;

const Settings mlp = {"model.hidden=16", "data.validation_samples=30"};
const Settings cnn = {"model.name=cnn", "model.hidden=16", "model.channels=4,8",
                      "data.validation_samples=30"};
const Settings resnet = {"model.name=resnet", "batch=8", "data.validation_samples=10"};
const Settings text = {"data.format=text", "data.length=12", "batch=8"};
// 26 documents: an epoch has 6 batches of several lengths and one of 2.
const Settings documents = {"data.format=jsonl",   "data.length=12",       "batch=4",
                            "data.packing=bucket", "data.drop_last=false", "steps=8"};
const Settings lstm = {"model.name=lstm", "model.width=8", "model.cells=12", "model.layers=2"};
const Settings gpt = {"model.name=gpt", "model.width=16", "model.heads=2", "model.layers=3",
                      "model.dropout=0.1"};

Settings with(Settings settings, const Settings& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

struct Case {
  const char* name;
  Settings settings;
};

class MemoryPlanTest : public TrainingTest, public ::testing::WithParamInterface<Case> {
 protected:
  MemoryPlanTest() {
    std::ofstream(folder_.file("train.txt")) << std::string(700, 'a') << std::string(500, 'b');
    std::ofstream(folder_.file("val.txt")) << std::string(150, 'b');
    for (const char* name : {"train.jsonl", "val.jsonl"}) {
      std::ofstream lines(folder_.file(name));
      for (size_t i = 0; i < 26; ++i)
        lines << "{\"text\": \"" << std::string(1 + i % 12, 'c') << "\"}\n";
    }
  }

  Recipe recipe_of(const Settings& settings) const {
    Settings all = {"data.path=" + folder_.path(), "steps=3", "validate_every=2", "threads=1"};
    if (std::ranges::none_of(settings, [](const std::string& setting) {
          return setting == "data.format=text" || setting == "data.format=jsonl";
        }))
      all.push_back("data.classes=4");
    return parse_recipe("", "test", with(all, settings));
  }
};

TEST_P(MemoryPlanTest, IsWhatARunTakes) {
  const Recipe recipe = recipe_of(GetParam().settings);
  int64_t planned = 0;
  {
    const LoadedData loaded = load_measured_data(recipe);
    const RecipePlan plan = plan_recipe(recipe, loaded.data, loaded.bytes);
    planned = plan.memory.total();
    EXPECT_GT(plan.flops, 0);
  }
  const int64_t before = cpu_device().allocated_bytes();
  std::vector<int64_t> taken;
  const auto look = [&] { taken.push_back(cpu_device().allocated_bytes() - before); };
  train(recipe, folder_.file("run"),
        {.started = [&](const TrainingPlan&) {},
         .stepped = [&](const StepReport&) { look(); },
         .validated = [&](int64_t, const Score&) { look(); }});
  ASSERT_GE(taken.size(), 4u);
  for (const int64_t bytes : taken) EXPECT_EQ(bytes, planned);
  EXPECT_EQ(cpu_device().allocated_bytes(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, MemoryPlanTest,
    ::testing::Values(
        Case{"mlp", mlp}, Case{"cnn", cnn}, Case{"resnet20", resnet},
        Case{"resnet18", with(resnet, {"model.depth=18"})}, Case{"lstm", with(text, lstm)},
        Case{"gpt", with(text, gpt)},
        Case{"gpt_recomputed", with(text, with(gpt, {"recompute=true"}))},
        Case{"mlp_f64", with(mlp, {"precision=f64"})},
        Case{"cnn_bf16", with(cnn, {"precision=bf16"})},
        Case{"gpt_f16_in_parts", with(text, with(gpt, {"precision=f16", "accumulate=2"}))},
        Case{"mlp_in_parts", with(mlp, {"accumulate=4"})},
        Case{"mlp_whole_epochs", with(mlp, {"data.drop_last=false", "batch=64", "steps=5"})},
        Case{"gpt_buckets", with(documents, gpt)},
        Case{"gpt_buckets_in_parts",
             with(documents, with(gpt, {"accumulate=2", "data.workers=2"}))},
        Case{"resnet_in_parts_guarded",
             with(resnet, {"accumulate=2", "guard.policy=skip", "guard.spike=6"})},
        Case{"gpt_in_parts", with(text, with(gpt, {"accumulate=2", "clip=1"}))},
        Case{"mlp_ema", with(mlp, {"average.name=ema", "average.decay=0.9"})},
        Case{"resnet_swa", with(resnet, {"average.name=swa", "average.start=1"})},
        Case{"mlp_workers", with(mlp, {"data.workers=3"})},
        Case{"mlp_async", with(mlp, {"checkpoint.async=true", "checkpoint.every=1"})},
        Case{"ema_async_in_parts",
             with(mlp, {"checkpoint.async=true", "average.name=ema", "accumulate=2"})},
        Case{"mlp_mixed", with(mlp, {"mix.mixup=0.3"})},
        Case{"cnn_cut", with(cnn, {"mix.cutmix=0.3", "accumulate=2"})},
        Case{"mlp_weighted", with(mlp, {"data.class_weights=balanced"})},
        Case{"mlp_weighted_in_parts", with(mlp, {"data.class_weights=balanced", "accumulate=4"})},
        Case{"mlp_noise", with(mlp, {"noise.gradient=0.1", "penalty.l1=0.01"})},
        Case{"mlp_best", with(mlp, {"stop.patience=5"})},
        Case{"mlp_without_validation", {"model.hidden=16", "steps=4"}}),
    [](const auto& info) { return std::string(info.param.name); });

Case rule(const char* name, Settings more = {}) {
  more.push_back(std::string("optimizer.name=") + name);
  return {name, with(cnn, more)};
}

INSTANTIATE_TEST_SUITE_P(Rules, MemoryPlanTest,
                         ::testing::Values(rule("sgd"), rule("momentum"), rule("nesterov"),
                                           rule("adagrad"), rule("adadelta"), rule("rmsprop"),
                                           rule("adam"), rule("adamw"), rule("adamax"),
                                           rule("nadam"), rule("radam"), rule("lion"), rule("lars"),
                                           rule("lamb"), rule("adafactor"), rule("muon")),
                         [](const auto& info) { return std::string(info.param.name); });

INSTANTIATE_TEST_SUITE_P(MoreMemory, MemoryPlanTest,
                         ::testing::Values(rule("adamw", {"optimizer.amsgrad=true"}),
                                           rule("rmsprop", {"optimizer.centered=true",
                                                            "optimizer.momentum=0.5"}),
                                           rule("adagrad", {"lookahead.every=2"}),
                                           rule("nadam", {"sam.rho=0.05", "accumulate=2"}),
                                           rule("momentum", {"optimizer.momentum=0"})),
                         [](const auto& info) { return std::string(info.param.name); });

class BatchChoiceTest : public MemoryPlanTest {};

TEST_F(BatchChoiceTest, TheLargestFitsAndTheNextDoesNot) {
  const Recipe recipe = recipe_of(with(cnn, {"accumulate=3"}));
  const LoadedData data = load_measured_data(recipe);
  const auto bytes_of = [&](int64_t batch) {
    return plan_recipe(with_batch(recipe, batch), data.data, data.bytes).memory.total();
  };
  for (const int64_t batch : {3, 21, 60, 99}) {
    const BatchChoice choice = largest_batch(recipe, data, bytes_of(batch));
    EXPECT_EQ(choice.batch, batch);
    EXPECT_EQ(choice.bytes, bytes_of(batch));
    EXPECT_FALSE(choice.all_samples);
  }
  EXPECT_EQ(largest_batch(recipe, data, bytes_of(3) - 1).batch, 0);
  const Recipe whole_epochs = recipe_of(with(cnn, {"accumulate=3", "data.drop_last=false"}));
  EXPECT_EQ(largest_batch(whole_epochs, data, bytes_of(21)).batch, 21);
  const BatchChoice all = largest_batch(recipe, data, INT64_MAX);
  EXPECT_EQ(all.batch, 210);  // 240 less 30 for validation
  EXPECT_TRUE(all.all_samples);
}

TEST_F(BatchChoiceTest, WordsBecomeNumbersOfWhichARunKeepsItsOwn) {
  const Recipe full = recipe_of(with(mlp, {"batch=full", "accumulate=4", "epochs=2", "steps=0"}));
  EXPECT_EQ(with_known_batch(full).integer("batch"), 208);
  const TrainingResult result = train(full, folder_.file("full"));
  EXPECT_EQ(result.steps, 2);
  // Whatever this machine has, all of these samples fit.
  const Recipe automatic = recipe_of(with(mlp, {"batch=auto"}));
  EXPECT_EQ(with_known_batch(automatic).integer("batch"), 210);
  const std::string run = folder_.file("run");
  train(recipe_of(with(mlp, {"batch=30"})), run, {}, {.stop = [] { return true; }});
  EXPECT_EQ(train(automatic, run).end, TrainingEnd::finished);  // with the 30 of the run
  EXPECT_EQ(load_recipe(run + "/recipe.toml").integer("batch"), 30);
  EXPECT_EQ(load_recipe(folder_.file("full") + "/recipe.toml").integer("batch"), 208);
}

TEST_F(BatchChoiceTest, RecomputeTakesLessAndGivesTheSameLosses) {
  std::vector<double> losses[2];
  std::vector<int64_t> bytes;
  double flops[2];
  for (const bool again : {false, true}) {
    const Recipe recipe =
        recipe_of(with(text, with(gpt, {again ? "recompute=true" : "recompute=false",
                                        "precision=f64", "data.length=24", "model.layers=6"})));
    const LoadedData data = load_measured_data(recipe);
    const RecipePlan plan = plan_recipe(recipe, data.data, data.bytes);
    bytes.push_back(plan.memory.arena());
    flops[again] = plan.flops;
    train(recipe, folder_.file(again ? "again" : "kept"),
          {.stepped = [&](const StepReport& report) { losses[again].push_back(report.loss); }});
  }
  EXPECT_LT(bytes[1], bytes[0] * 3 / 4);
  EXPECT_GT(flops[1], 1.1 * flops[0]);
  ASSERT_EQ(losses[0].size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(losses[1][i], losses[0][i], 1e-12);
}

}  // namespace
}  // namespace gradus
