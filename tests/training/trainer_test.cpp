// SPDX-License-Identifier: Apache-2.0
#include "training/trainer.h"

#include <csignal>

#include <sys/resource.h>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"
#include "engine/io/safetensors.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

std::string contents(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

int64_t lines_with(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Images of 8 x 8 noise in which one of 4 quarters is bright: its number is the class.
class TrainerTest : public testing::Test {
 protected:
  TrainerTest() {
    register_all_ops();
    write_split("train", 240);
    write_split("t10k", 50);
  }
  ~TrainerTest() override { set_thread_count(1); }

  void write_split(const std::string& prefix, uint32_t count) {
    std::vector<uint8_t> pixels, labels;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t label = philox_word({9, count}, i) % 4;
      labels.push_back(static_cast<uint8_t>(label));
      for (uint32_t p = 0; p < 64; ++p) {
        const uint32_t quarter = p / 32 * 2 + p % 8 / 4;
        const uint32_t noise = philox_word({i, count}, p) % 100;
        pixels.push_back(static_cast<uint8_t>(noise + (quarter == label ? 150 : 0)));
      }
    }
    folder_.write(prefix + "-images-idx3-ubyte", idx_bytes({count, 8, 8}, pixels));
    folder_.write(prefix + "-labels-idx1-ubyte", idx_bytes({count}, labels));
  }

  Recipe recipe(std::vector<std::string> settings) const {
    const std::vector<std::string> common = {"data.path=" + folder_.path(), "data.classes=4",
                                             "batch=20", "model.hidden=16"};
    settings.insert(settings.begin(), common.begin(), common.end());
    return parse_recipe("", "test", settings);
  }

  ErrorKind refusal(const Recipe& what, const std::string& run, const std::string& part) {
    try {
      train(what, run);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      return error.kind();
    }
    ADD_FAILURE() << "no error";
    return ErrorKind::internal;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainerTest, LearnsAndLeavesAWholeRun) {
  const std::string run = folder_.file("run");
  std::vector<double> losses;
  const TrainingResult result =
      train(recipe({"epochs=5", "data.validation_samples=40", "lr=0.01"}), run,
            {.stepped = [&](const StepReport& report) { losses.push_back(report.loss); }});
  EXPECT_EQ(result.steps, 50);
  EXPECT_EQ(losses.size(), 50u);
  EXPECT_LT(losses.back(), 0.3 * losses.front());
  EXPECT_GT(result.validation.accuracy, 0.95);

  const std::string metrics = contents(run + "/metrics.jsonl");
  EXPECT_EQ(lines_with(metrics, "\n"), 55);
  EXPECT_EQ(lines_with(metrics, "\"split\":\"validation\",\"metrics\":{\"loss\":"), 5);
  EXPECT_EQ(lines_with(metrics, "{\"step\":7,\"loss\":"), 1);
  const Score score = evaluate_run(run);
  EXPECT_EQ(score.samples, 50);  // not a multiple of the batch
  EXPECT_GT(score.accuracy, 0.95);
  EXPECT_EQ(load_safetensors(run + "/final.safetensors").tensors.size(), 4u);
  EXPECT_EQ(load_recipe(run + "/recipe.toml").to_toml(), contents(run + "/recipe.toml"));
}

TEST_F(TrainerTest, BitsDependOnTheSeedNotOnThreadsOrFolder) {
  const std::vector<std::string> model = {"model.name=cnn", "model.channels=4,8", "steps=8",
                                          "model.dropout=0.2", "data.validation_samples=40"};
  const auto run_with = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> settings = model;
    settings.insert(settings.end(), more.begin(), more.end());
    train(recipe(settings), folder_.file(name));
    return contents(folder_.file(name) + "/final.safetensors");
  };
  const std::string one = run_with("one", {"threads=1"});
  EXPECT_FALSE(one.empty());
  EXPECT_TRUE(one == run_with("two", {"threads=2"}));
  EXPECT_EQ(contents(folder_.file("one") + "/metrics.jsonl"),
            contents(folder_.file("two") + "/metrics.jsonl"));
  EXPECT_FALSE(one == run_with("three", {"threads=1", "seed=2"}));
}

TEST_F(TrainerTest, TrainsInDoublePrecision) {
  train(recipe({"precision=f64", "steps=3"}), folder_.file("run"));
  const Safetensors weights = load_safetensors(folder_.file("run") + "/final.safetensors");
  EXPECT_EQ(weights.tensors.at("fc1.weight").dtype(), DType::f64);
}

TEST_F(TrainerTest, AFinishedRunIsNotOverwritten) {
  const std::string run = folder_.file("run");
  train(recipe({"steps=2"}), run);
  const std::string before = contents(run + "/final.safetensors");
  EXPECT_EQ(refusal(recipe({"steps=3"}), run, "finished"), ErrorKind::invalid_argument);
  EXPECT_EQ(contents(run + "/final.safetensors"), before);
  EXPECT_EQ(refusal(recipe({"steps=3"}), folder_.path(), "not empty"), ErrorKind::invalid_argument);
}

TEST_F(TrainerTest, ALossThatIsNotFiniteNamesItsStep) {
  const std::string run = folder_.file("run");
  EXPECT_EQ(refusal(recipe({"lr=1e30", "optimizer.name=sgd"}), run, "the loss of step "),
            ErrorKind::not_finite);
  EXPECT_FALSE(std::filesystem::exists(run + "/final.safetensors"));
}

TEST_F(TrainerTest, ABatchBeyondTheDataIsRefused) {
  EXPECT_EQ(refusal(recipe({"batch=241"}), folder_.file("run"), "at most the 240 training samples"),
            ErrorKind::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("run")));
}

TEST_F(TrainerTest, ALanguageModelRefusesImages) {
  const Recipe wrong =
      parse_recipe("", "test", {"data.path=" + folder_.path(), "data.classes=4", "model.name=gpt"});
  EXPECT_EQ(refusal(wrong, folder_.file("run"), "'gpt' takes text, the data are images"),
            ErrorKind::invalid_argument);
}

TEST_F(TrainerTest, MissingDataNameTheCommandThatMakesThem) {
  const Recipe missing = parse_recipe("", "test", {"data.path=data/cache/no_such_set"});
  EXPECT_EQ(refusal(missing, folder_.file("run"), "`scripts/data.sh no_such_set`"),
            ErrorKind::not_found);
}

TEST_F(TrainerTest, WeightsThatDoNotFitTheRecipeAreRefused) {
  const std::string run = folder_.file("run");
  train(recipe({"steps=2"}), run);
  NamedTensors tensors = load_safetensors(run + "/final.safetensors").tensors;
  tensors["fc1.bias"] = Tensor::zeros(DType::f32, {17});
  save_safetensors(run + "/final.safetensors", tensors);
  EXPECT_THROW(evaluate_run(run), Error);
  tensors.erase("fc1.bias");
  save_safetensors(run + "/final.safetensors", tensors);
  EXPECT_THROW(evaluate_run(run), Error);
}

// A limit on file sizes refuses writes as a full disk does.
TEST_F(TrainerTest, AFullDiskIsAnErrorAndLosesNothing) {
  const std::string run = folder_.file("run");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 2000;  // recipe.toml fits, some 30 lines of metrics do too
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_EQ(refusal(recipe({"epochs=10"}), run, "metrics.jsonl"), ErrorKind::io);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_GT(lines_with(contents(run + "/metrics.jsonl"), "\n"), 5);
  EXPECT_FALSE(std::filesystem::exists(run + "/final.safetensors"));
}

}  // namespace
}  // namespace gradus
