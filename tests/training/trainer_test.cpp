// SPDX-License-Identifier: Apache-2.0
#include "training/trainer.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <set>

#include <sys/resource.h>

#include "data/sampler.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/io/safetensors.h"
#include "tests/training/training_test.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/run_folder.h"
#include "training/schedule.h"

namespace gradus {
namespace {

using TrainerTest = TrainingTest;

TEST_F(TrainerTest, LearnsAndLeavesAWholeRun) {
  const std::string run = folder_.file("run");
  std::vector<double> losses;
  const Recipe what = recipe({"epochs=5", "data.validation_samples=40", "lr=0.01"});
  const TrainingResult result = train(
      what, run, {.stepped = [&](const StepReport& report) { losses.push_back(report.loss); }});
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
  EXPECT_EQ(contents(run + "/recipe.toml"), what.to_toml(true));
  EXPECT_EQ(load_recipe(run + "/recipe.toml").to_toml(), what.to_toml());
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

// A run's final weights, by name.
NamedTensors weights_of(const std::string& run) {
  return load_safetensors(run + "/final.safetensors").tensors;
}

// Which sample stands in which batch changes no score, the last batch being partial or not; so
// validation sees no training mode and counts each sample once.
TEST_F(TrainerTest, AScoreDoesNotDependOnTheBatch) {
  const std::string run = folder_.file("run");
  train(recipe({"model.name=cnn", "model.channels=4,8", "steps=3", "model.dropout=0.5"}), run);
  const Score whole = evaluate_run(run);
  const std::string text = contents(run + "/recipe.toml");
  for (const char* batch : {"batch = 7\n", "batch = 49\n", "batch = 1\n"}) {
    std::string other = text;
    const size_t line = other.find("batch = 20");
    other.replace(line, other.find('\n', line) + 1 - line, batch);
    std::ofstream(run + "/recipe.toml") << other;
    const Score score = evaluate_run(run);
    EXPECT_EQ(score.accuracy, whole.accuracy) << batch;
    EXPECT_NEAR(score.loss, whole.loss, 1e-6 * whole.loss) << batch;
  }
}

// At a rate of 0 the weights stay, so that with all samples in each batch only masks can change the
// loss.
TEST_F(TrainerTest, EveryStepDrawsItsOwnMasks) {
  const auto losses = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> settings = {"steps=4", "batch=240", "lr=0", "optimizer.name=sgd",
                                         "precision=f64"};
    settings.insert(settings.end(), more.begin(), more.end());
    std::vector<double> list;
    train(recipe(settings), folder_.file(name),
          {.stepped = [&](const StepReport& report) { list.push_back(report.loss); }});
    return list;
  };
  const std::vector<double> plain = losses("plain", {}),
                            masked = losses("a", {"model.dropout=0.5"});
  for (size_t i = 1; i < plain.size(); ++i) {
    EXPECT_NEAR(plain[i], plain[0], 1e-12 * plain[0]);
    for (size_t k = 0; k < i; ++k) EXPECT_GT(std::fabs(masked[i] - masked[k]), 1e-7 * masked[0]);
  }
}

// The losses of a run are those of its parts put together by hand: data, order, first values,
// masks, rate and step.
TEST_F(TrainerTest, ARunIsItsParts) {
  const Recipe wanted = recipe({"model.dropout=0.5", "steps=15", "seed=5", "schedule.warmup=4"});
  std::vector<double> losses;
  train(wanted, folder_.file("run"),
        {.stepped = [&](const StepReport& report) { losses.push_back(report.loss); }});
  const std::shared_ptr<const Dataset> data = load_data(wanted, Split::train);
  const BatchSpec spec = batch_spec(*data, 20);
  ParameterTable parameters;
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  Executable program(training_graph(make_model(wanted, *data), spec, DType::f32,
                                    make_optimizer(wanted), 0, parameters),
                     states, arena);
  set_first_values(parameters, 5, states);
  HostBatch batch(spec, DType::f32);
  Sampler sampler(data->size(), 20, 5);
  const Schedule schedule = make_schedule(wanted, 15);
  for (int64_t step = 1; step <= 15; ++step) {
    data->fill(sampler.batch(step - 1), 0, batch.inputs, batch.targets);
    program.set_input("input", batch.inputs);
    program.set_input("target", batch.targets);
    program.set_input("lr", schedule.at(step));
    program.set_input("step", static_cast<double>(step));
    program.run({5, static_cast<uint64_t>(step), 0});
    EXPECT_EQ(program.output("loss").item(), losses[static_cast<size_t>(step - 1)]) << step;
  }
}

// Adam's first step moves every weight that has a gradient by the rate, whatever the gradient.
TEST_F(TrainerTest, TheFirstStepIsNumberOne) {
  const std::string common = "steps=1";
  train(recipe({common, "lr=0", "precision=f64"}), folder_.file("start"));
  train(recipe({common, "lr=0.01", "precision=f64"}), folder_.file("moved"));
  const NamedTensors start = weights_of(folder_.file("start"));
  for (const auto& [name, tensor] : weights_of(folder_.file("moved"))) {
    const std::vector<double> before = start.at(name).to_doubles(), after = tensor.to_doubles();
    double furthest = 0;
    for (size_t i = 0; i < after.size(); ++i)
      furthest = std::max(furthest, std::fabs(after[i] - before[i]));
    EXPECT_NEAR(furthest, 0.01, 1e-6) << name;
  }
}

// The first of two steps of warm-up runs at half of the rate.
TEST_F(TrainerTest, AStepUsesItsOwnRate) {
  const auto trained = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> settings = {"steps=1", "optimizer.name=sgd"};
    settings.insert(settings.end(), more.begin(), more.end());
    train(recipe(settings), folder_.file(name));
    return contents(folder_.file(name) + "/final.safetensors");
  };
  EXPECT_TRUE(trained("half", {"lr=0.1"}) == trained("warm", {"lr=0.2", "schedule.warmup=2"}));
}

// With plain descent at a rate of 1 a step moves by the gradient, whose norm is at most `clip`.
TEST_F(TrainerTest, ClippedGradientsMoveAsFarAsTheirBound) {
  const auto moved = [&](const std::string& name, const std::string& clip) {
    const std::vector<std::string> common = {"steps=1", "optimizer.name=sgd", "precision=f64",
                                             clip};
    std::vector<std::string> still = common, free = common;
    still.push_back("lr=0");
    free.push_back("lr=1");
    train(recipe(still), folder_.file(name + "0"));
    train(recipe(free), folder_.file(name + "1"));
    const NamedTensors before = weights_of(folder_.file(name + "0"));
    double squares = 0;
    for (const auto& [weight, tensor] : weights_of(folder_.file(name + "1"))) {
      const std::vector<double> a = before.at(weight).to_doubles(), b = tensor.to_doubles();
      for (size_t i = 0; i < a.size(); ++i) squares += (b[i] - a[i]) * (b[i] - a[i]);
    }
    return std::sqrt(squares);
  };
  EXPECT_GT(moved("free", "clip=0"), 0.02);
  EXPECT_NEAR(moved("clipped", "clip=0.01"), 0.01, 1e-5);
}

// Samples come in the sampler's order: an epoch at rate 0 shows each once, in another order than
// the next.
TEST_F(TrainerTest, AnEpochShowsEverySampleOnce) {
  std::vector<double> losses;
  train(recipe({"epochs=2", "batch=1", "lr=0", "optimizer.name=sgd", "precision=f64"}),
        folder_.file("run"),
        {.stepped = [&](const StepReport& report) { losses.push_back(report.loss); }});
  ASSERT_EQ(losses.size(), 480u);
  std::vector<double> first(losses.begin(), losses.begin() + 240),
      second(losses.begin() + 240, losses.end());
  EXPECT_NE(first, second);
  std::ranges::sort(first);
  std::ranges::sort(second);
  EXPECT_EQ(first, second);
  EXPECT_GT(std::set<double>(first.begin(), first.end()).size(), 230u);  // noise tells them apart
}

TEST_F(TrainerTest, FirstValuesFollowTheSeed) {
  train(recipe({"steps=1", "lr=0", "seed=1"}), folder_.file("one"));
  train(recipe({"steps=1", "lr=0", "seed=2"}), folder_.file("two"));
  EXPECT_NE(weights_of(folder_.file("one")).at("fc1.weight").to_doubles(),
            weights_of(folder_.file("two")).at("fc1.weight").to_doubles());
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
  EXPECT_EQ(refusal(recipe({"steps=3"}), folder_.file("train-labels-idx1-ubyte"), "not a folder"),
            ErrorKind::invalid_argument);
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

TEST_F(TrainerTest, ADiskTooSmallForTheWeightsIsRefusedFirst) {
  const RunFolder folder(folder_.file("run"));
  EXPECT_NO_THROW(folder.expect_room(1000));
  try {
    folder.expect_room(int64_t{1} << 60);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_NE(std::string(error.what()).find("no disk space"), std::string::npos) << error.what();
  }
}

// A limit on file sizes refuses writes as a full disk does.
TEST_F(TrainerTest, AFullDiskIsAnErrorAndLosesNothing) {
  const std::string run = folder_.file("run");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 6000;  // recipe.toml fits, the lines of some epochs do too
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_EQ(refusal(recipe({"epochs=20"}), run, "metrics.jsonl"), ErrorKind::io);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_GT(lines_with(contents(run + "/metrics.jsonl"), "\n"), 5);
  EXPECT_FALSE(std::filesystem::exists(run + "/final.safetensors"));
}

}  // namespace
}  // namespace gradus
