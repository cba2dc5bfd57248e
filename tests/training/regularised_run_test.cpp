// SPDX-License-Identifier: Apache-2.0
// What a recipe's keys about optimization do to a whole run.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"
#include "engine/io/safetensors.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "training/trainer.h"

namespace gradus {
namespace {

// Images of 8 x 8 noise in which one of 4 quarters is a little brighter: its number is the class,
// but for a third of the training samples, whose labels are drawn.
class RegularisedRun : public testing::Test {
 protected:
  RegularisedRun() {
    register_all_ops();
    write_split("train", 200);
    write_split("t10k", 50);
  }

  void write_split(const std::string& prefix, uint32_t count) {
    std::vector<uint8_t> pixels, labels;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t quarter = philox_word({9, count}, i) % 4;
      const bool drawn = count == 200 && i % 3 == 0;
      labels.push_back(static_cast<uint8_t>(drawn ? philox_word({10, count}, i) % 4 : quarter));
      for (uint32_t p = 0; p < 64; ++p) {
        const uint32_t noise = philox_word({i, count}, p) % 200;
        const bool bright = p / 32 * 2 + p % 8 / 4 == quarter;
        pixels.push_back(static_cast<uint8_t>(noise + (bright ? 40 : 0)));
      }
    }
    folder_.write(prefix + "-images-idx3-ubyte", idx_bytes({count, 8, 8}, pixels));
    folder_.write(prefix + "-labels-idx1-ubyte", idx_bytes({count}, labels));
  }

  std::string run(const std::string& name, std::vector<std::string> settings,
                  const TrainingObserver& observer = {}, const TrainingOptions& options = {}) {
    const std::vector<std::string> common = {
        "data.path=" + folder_.path(), "data.classes=4", "batch=20", "model.hidden=32",
        "optimizer.name=adam",         "lr=0.01"};
    settings.insert(settings.begin(), common.begin(), common.end());
    train(parse_recipe("", "test", settings), folder_.file(name), observer, options);
    return folder_.file(name);
  }
  std::string refusal(const std::vector<std::string>& settings) {
    try {
      run("refused" + std::to_string(++refused_), settings);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  static NamedTensors final_tensors(const std::string& run) {
    return load_safetensors(run + "/final.safetensors").tensors;
  }
  static std::string contents(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  TemporaryFolder folder_;
  int refused_ = 0;
};

TEST_F(RegularisedRun, StopsAtTheBestPlusPatienceWithTheBestWeights) {
  std::vector<double> losses;
  int64_t steps = 0;
  const std::vector<std::string> settings = {"data.validation_samples=80", "validate_every=2"};
  std::vector<std::string> stopping = settings;
  stopping.insert(stopping.end(), {"epochs=200", "stop.patience=5"});
  const std::string stopped =
      run("stopped", stopping,
          {.stepped = [&](const StepReport& report) { steps = report.step; },
           .validated = [&](int64_t, const Score& score) { losses.push_back(score.loss); }});
  const auto best = std::ranges::min_element(losses) - losses.begin();
  EXPECT_EQ(static_cast<int64_t>(losses.size()), best + 1 + 5);
  EXPECT_EQ(steps, 2 * (best + 1 + 5));
  EXPECT_LT(steps, 1200);  // of 200 epochs
  EXPECT_TRUE(contents(stopped + "/final.safetensors") == contents(stopped + "/best.safetensors"));
  // The weights after that step of a run without stopping.
  std::vector<std::string> plain = settings;
  plain.push_back("steps=" + std::to_string(2 * (best + 1)));
  EXPECT_TRUE(contents(run("plain", plain) + "/final.safetensors") ==
              contents(stopped + "/final.safetensors"));
}

// A bit that changes after the file was written is found before the weights are taken.
TEST_F(RegularisedRun, ADamagedBestFileIsRefused) {
  const std::string best = folder_.file("damaged") + "/best.safetensors";
  const auto damage = [&](int64_t step, const Score&) {
    if (step < 8) return;
    std::string bytes = contents(best);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    std::ofstream(best, std::ios::binary) << bytes;
  };
  try {
    run("damaged",
        {"data.validation_samples=80", "validate_every=2", "steps=8", "stop.patience=50"},
        {.validated = damage});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    EXPECT_NE(std::string(error.what()).find("best.safetensors"), std::string::npos)
        << error.what();
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.file("damaged") + "/final.safetensors"));
}

TEST_F(RegularisedRun, EvaluatesByAverages) {
  std::vector<Score> scores;
  const std::string averaged =
      run("averaged",
          {"epochs=4", "average.name=ema", "average.decay=0.9", "data.validation_samples=40"},
          {.validated = [&](int64_t, const Score& score) { scores.push_back(score); }});
  const NamedTensors tensors = final_tensors(averaged);
  EXPECT_EQ(tensors.size(), 8u);
  EXPECT_NE(tensors.at("ema.fc1.weight").to_doubles(), tensors.at("fc1.weight").to_doubles());
  // The same training; another score.
  std::vector<Score> plain;
  const std::string other =
      run("other", {"epochs=4", "data.validation_samples=40"},
          {.validated = [&](int64_t, const Score& score) { plain.push_back(score); }});
  EXPECT_EQ(final_tensors(other).at("fc1.weight").to_doubles(),
            tensors.at("fc1.weight").to_doubles());
  EXPECT_NE(plain.back().loss, scores.back().loss);
  // A run whose weights are these averages scores the same.
  const double by_averages = evaluate_run(averaged).loss;
  NamedTensors only;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with("ema.")) only[name.substr(4)] = tensor;
  save_safetensors(other + "/final.safetensors", only);
  EXPECT_EQ(evaluate_run(other).loss, by_averages);
}

TEST_F(RegularisedRun, StartsFromAnotherRun) {
  const std::string first = run("first", {"epochs=2"});
  const std::string still = run("still", {"steps=1", "lr=0", "init.from=" + first});
  EXPECT_TRUE(contents(still + "/final.safetensors") == contents(first + "/final.safetensors"));
  const std::string head =
      run("head", {"steps=3", "seed=7", "init.from=" + first + "/final.safetensors",
                   "init.skip=fc2.*", "freeze.match=fc1.*"});
  const NamedTensors before = final_tensors(first), after = final_tensors(head);
  EXPECT_EQ(after.at("fc1.weight").to_doubles(), before.at("fc1.weight").to_doubles());
  EXPECT_NE(after.at("fc2.weight").to_doubles(), before.at("fc2.weight").to_doubles());
  EXPECT_NE(refusal({"steps=1", "init.from=" + first, "model.hidden=16"}).find("init.skip"),
            std::string::npos);
  EXPECT_NE(refusal({"steps=1", "init.from=/nonexistent"}).find("[init.from]"), std::string::npos);
}

// A rate that makes the loss infinite: the default ends the run, with a guard it goes on and its
// weights stay numbers.
TEST_F(RegularisedRun, AGuardKeepsTheWeightsFinite) {
  const std::vector<std::string> wild = {"optimizer.name=sgd", "lr=1e38", "steps=12"};
  EXPECT_NE(refusal(wild).find("the loss of step"), std::string::npos);
  std::vector<std::string> guarded = wild;
  guarded.insert(guarded.end(), {"guard.policy=skip", "guard.limit=100"});
  int64_t lost = 0;
  const std::string kept = run("kept", guarded, {.stepped = [&](const StepReport& report) {
                                 lost += std::isfinite(report.loss) ? 0 : 1;
                               }});
  EXPECT_GT(lost, 5);
  for (const auto& [name, tensor] : final_tensors(kept))
    for (const double value : tensor.to_doubles()) ASSERT_TRUE(std::isfinite(value)) << name;
  const std::string metrics = contents(kept + "/metrics.jsonl");
  EXPECT_NE(metrics.find("\"loss\":null"), std::string::npos);
  EXPECT_EQ(metrics.find("nan"), std::string::npos);
  guarded.back() = "guard.limit=3";
  EXPECT_NE(refusal(guarded).find("number 4 in a row to be skipped"), std::string::npos);
}

TEST_F(RegularisedRun, MixesSmoothsAndAddsNoiseTheSameWayWithAnyThreads) {
  const std::vector<std::string> settings = {
      "model.name=cnn",      "model.channels=4", "steps=6",
      "mix.mixup=0.4",       "mix.cutmix=1",     "loss.label_smoothing=0.1",
      "noise.gradient=0.01", "penalty.l1=1e-4",  "average.name=swa",
      "average.start=2",     "average.every=2",  "schedule.name=one_cycle"};
  std::vector<std::string> one = settings, two = settings, plain = settings;
  one.push_back("threads=1");
  two.push_back("threads=2");
  const std::string first = run("one", one), second = run("two", two);
  EXPECT_TRUE(contents(first + "/final.safetensors") == contents(second + "/final.safetensors"));
  EXPECT_EQ(contents(first + "/metrics.jsonl"), contents(second + "/metrics.jsonl"));
  set_thread_count(1);
  for (const std::string& off : {std::string("mix.mixup=0"), std::string("mix.cutmix=0"),
                                 std::string("loss.label_smoothing=0"),
                                 std::string("noise.gradient=0"), std::string("penalty.l1=0")}) {
    std::vector<std::string> without = settings;
    without.push_back(off);
    EXPECT_FALSE(contents(run(off, without) + "/final.safetensors") ==
                 contents(first + "/final.safetensors"))
        << off;
  }
}

// What the host and the states remember of all of this is in a checkpoint.
TEST_F(RegularisedRun, GoesOnFromACheckpointToTheSameBits) {
  const std::vector<std::string> settings = {"epochs=40",
                                             "data.validation_samples=40",
                                             "validate_every=3",
                                             "stop.patience=6",
                                             "schedule.name=plateau",
                                             "schedule.patience=1",
                                             "accumulate=2",
                                             "average.name=ema",
                                             "average.decay=0.8",
                                             "guard.policy=skip",
                                             "guard.spike=1",
                                             "guard.window=4",
                                             "mix.mixup=0.4",
                                             "noise.gradient=1e-4",
                                             "optimizer.name=nadam",
                                             "checkpoint.every=4",
                                             "freeze.match=fc1.weight",
                                             "freeze.until=9"};
  std::vector<double> rates;
  const std::string whole =
      run("whole", settings,
          {.stepped = [&](const StepReport& report) { rates.push_back(report.lr); }});
  EXPECT_LT(rates.back(), rates.front());
  EXPECT_LT(rates.size(), 320u);  // it ended early
  for (const int64_t end : {2, 11, 24}) {
    const std::string name = "parts" + std::to_string(end);
    int64_t steps = 0;
    const TrainingObserver count = {.stepped = [&](const StepReport& r) { steps = r.step; }};
    run(name, settings, count, {.stop = [&] { return steps >= end; }});
    EXPECT_EQ(steps, end);
    const std::string parts = run(name, settings);
    EXPECT_TRUE(contents(parts + "/final.safetensors") == contents(whole + "/final.safetensors"))
        << end;
    EXPECT_EQ(contents(parts + "/metrics.jsonl"), contents(whole + "/metrics.jsonl")) << end;
  }
}

TEST_F(RegularisedRun, APlateauLowersTheRate) {
  std::vector<double> rates;
  run("plateau",
      {"epochs=12", "data.validation_samples=40", "schedule.name=plateau", "schedule.patience=1",
       "schedule.threshold=100", "schedule.gamma=0.5"},
      {.stepped = [&](const StepReport& report) { rates.push_back(report.lr); }});
  // 8 steps an epoch; the first validation is progress, then every second one lowers the rate.
  EXPECT_DOUBLE_EQ(rates[8 * 3 - 1], 0.01);
  EXPECT_DOUBLE_EQ(rates[8 * 3], 0.005);
  EXPECT_DOUBLE_EQ(rates[8 * 5], 0.0025);
  EXPECT_NE(refusal({"schedule.name=plateau"}).find("plateau needs validation data"),
            std::string::npos);
  EXPECT_NE(refusal({"stop.patience=2"}).find("[stop.patience] needs validation data"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus
