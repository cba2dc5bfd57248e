// SPDX-License-Identifier: Apache-2.0
// A run that is stopped, killed or damaged at any place ends with the bits of one that was not.
#include <filesystem>
#include <map>
#include <optional>

#include "engine/io/file_lock.h"
#include "engine/io/safetensors.h"
#include "engine/tensor/finite.h"
#include "tests/training/training_test.h"
#include "training/checkpoint.h"
#include "training/run_weights.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

using Settings = std::vector<std::string>;

struct Remains {
  std::string weights, metrics;
  friend bool operator==(const Remains&, const Remains&) = default;
};

class ResumeTest : public TrainingTest {
 protected:
  Remains remains(const std::string& run) const {
    return {contents(run + "/final.safetensors"), contents(run + "/metrics.jsonl")};
  }

  Remains undisturbed(const Settings& settings) {
    const std::string run = folder_.file("undisturbed");
    fs::remove_all(run);
    train(recipe(settings), run);
    EXPECT_FALSE(contents(run + "/final.safetensors").empty());
    return remains(run);
  }

  // Asks to stop at the call of that number; `asked` counts them.
  static TrainingOptions stop_at(int64_t call, int64_t& asked) {
    return {.stop = [call, &asked] { return ++asked == call; }};
  }

  // What a process that dies after step `step` leaves.
  void die_after(int64_t step, const Recipe& what, const std::string& run) const {
    struct Death {};
    EXPECT_THROW(train(what, run,
                       {.stepped =
                            [&](const StepReport& report) {
                              if (report.step == step) throw Death{};
                            }}),
                 Death);
  }

  std::string run_ = folder_.file("run");
};

// Every place where a run can be asked: before each micro-step and each batch of a validation.
TEST_F(ResumeTest, AStopAnywhereChangesNoBit) {
  const std::vector<Settings> many = {
      {"steps=5", "accumulate=4", "model.dropout=0.3", "clip=1", "data.validation_samples=50",
       "validate_every=3"},
      {"steps=4", "batch=60", "model.name=cnn", "model.channels=4", "model.dropout=0.2",
       "optimizer.name=nesterov", "schedule.name=cosine", "schedule.warmup=2",
       "checkpoint.every=2"},
      {"epochs=2", "batch=100", "accumulate=2", "model.name=resnet", "model.depth=8",
       "data.validation_samples=30", "checkpoint.async=true"},
      {"steps=5", "model.hidden=8", "optimizer.name=muon", "lookahead.every=2"},
      {"steps=4", "model.hidden=8", "batch=80", "optimizer.name=lbfgs", "optimizer.max_iter=4",
       "optimizer.history_size=3", "optimizer.line_search_fn=strong_wolfe", "model.norm=batch",
       "model.dropout=0.3"},
      {"steps=4", "accumulate=2", "model.hidden=8", "optimizer.name=adafactor", "sam.rho=0.1",
       "model.dropout=0.3"},
  };
  for (const Settings& settings : many) {
    const Remains expected = undisturbed(settings);
    bool finished = false;
    int64_t stops = 0;
    for (int64_t call = 1; !finished; ++call) {
      fs::remove_all(run_);
      int64_t asked = 0;
      const TrainingResult first = train(recipe(settings), run_, {}, stop_at(call, asked));
      finished = first.end == TrainingEnd::finished;
      if (!finished) {
        ++stops;
        EXPECT_EQ(first.end, TrainingEnd::stopped);
        EXPECT_TRUE(fs::exists(first.checkpoint)) << first.checkpoint;
        EXPECT_FALSE(fs::exists(run_ + "/final.safetensors"));
        EXPECT_EQ(train(recipe(settings), run_).end, TrainingEnd::finished);
      }
      EXPECT_TRUE(remains(run_) == expected) << settings[0] << ", stopped at call " << call;
      EXPECT_FALSE(fs::exists(run_ + "/lock"));
    }
    EXPECT_GE(stops, 4);
  }
}

// A validation that is stopped begins anew, so that a process which is stopped at the fourth call
// or before may get nowhere.
TEST_F(ResumeTest, ManyStopsInARowChangeNoBit) {
  const Settings settings = {"steps=6", "accumulate=2", "model.dropout=0.3",
                             "data.validation_samples=30", "validate_every=2"};
  const Remains expected = undisturbed(settings);
  int64_t processes = 0;
  for (bool finished = false; !finished; ++processes) {
    int64_t asked = 0;
    finished = train(recipe(settings), run_, {}, stop_at(processes % 7 + 1, asked)).end ==
               TrainingEnd::finished;
    ASSERT_LT(processes, 100);
  }
  EXPECT_GT(processes, 8);
  EXPECT_TRUE(remains(run_) == expected);
}

TEST_F(ResumeTest, ADeathBetweenCheckpointsRepeatsTheStepsSince) {
  const Settings settings = {"steps=9", "checkpoint.every=3", "model.dropout=0.3"};
  const Remains expected = undisturbed(settings);
  for (int64_t step = 1; step <= 9; ++step) {
    fs::remove_all(run_);
    die_after(step, recipe(settings), run_);
    std::vector<int64_t> steps;
    train(recipe(settings), run_,
          {.stepped = [&](const StepReport& report) { steps.push_back(report.step); }});
    EXPECT_EQ(steps.front(), (step - 1) / 3 * 3 + 1);  // the save after a step comes after its line
    EXPECT_TRUE(remains(run_) == expected) << step;
  }
}

TEST_F(ResumeTest, WithoutACheckpointItBeginsAnew) {
  const Settings settings = {"steps=6", "checkpoint.every=-1"};
  const Remains expected = undisturbed(settings);
  die_after(4, recipe(settings), run_);
  EXPECT_EQ(lines_with(contents(run_ + "/metrics.jsonl"), "\n"), 4);
  std::ofstream(run_ + "/recipe.toml.77.tmp") << "half";
  fs::create_directories(run_ + "/checkpoints/tmp-step-00000004");
  fs::create_directories(run_ + "/checkpoints/drop-step-00000002");
  std::ofstream(run_ + "/lock") << "process 99999999 on nowhere\n";
  std::vector<std::string> notes;
  train(recipe(settings), run_, {.noted = [&](const std::string& note) { notes.push_back(note); }});
  EXPECT_TRUE(remains(run_) == expected);
  EXPECT_EQ(notes, std::vector<std::string>{"no checkpoint to go on from: beginning with step 1"});
  EXPECT_FALSE(fs::exists(run_ + "/recipe.toml.77.tmp"));
  EXPECT_FALSE(fs::exists(run_ + "/checkpoints/tmp-step-00000004"));
  EXPECT_FALSE(fs::exists(run_ + "/checkpoints/drop-step-00000002"));
}

// What a process leaves that dies before its recipe is written.
TEST_F(ResumeTest, AHalfMadeFolderIsAnEmptyOne) {
  fs::create_directories(run_);
  std::ofstream(run_ + "/lock") << "process 1";
  std::ofstream(run_ + "/recipe.toml.5.tmp") << "seed = ";
  EXPECT_EQ(train(recipe({"steps=2"}), run_).end, TrainingEnd::finished);
  EXPECT_FALSE(fs::exists(run_ + "/recipe.toml.5.tmp"));
}

TEST_F(ResumeTest, ADamagedCheckpointGivesWayToTheOneBefore) {
  const Settings settings = {"steps=8", "checkpoint.every=2", "model.dropout=0.3"};
  const Remains expected = undisturbed(settings);
  for (const char* name : {"state.safetensors", "progress.json", "manifest.json"}) {
    fs::remove_all(run_);
    die_after(7, recipe(settings), run_);
    const std::string file = run_ + "/checkpoints/step-00000006/" + name;
    std::string bytes = contents(file);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    std::ofstream(file, std::ios::binary) << bytes;
    std::vector<std::string> notes;
    train(recipe(settings), run_,
          {.noted = [&](const std::string& note) { notes.push_back(note); }});
    EXPECT_TRUE(remains(run_) == expected) << name;
    ASSERT_EQ(notes.size(), 2u);
    EXPECT_TRUE(notes[0].starts_with("skipped step-00000006: [")) << notes[0];
    EXPECT_NE(notes[0].find(name), std::string::npos) << notes[0];
    EXPECT_NE(notes[0].find("damaged"), std::string::npos) << notes[0];
    EXPECT_TRUE(notes[1].ends_with("checkpoints/step-00000004")) << notes[1];
    EXPECT_TRUE(fs::exists(run_ + "/checkpoints/bad-step-00000006"));
  }
}

TEST_F(ResumeTest, ATornLineIsCutAndEachStepStandsOnce) {
  const Settings settings = {"steps=6", "checkpoint.every=2"};
  const Remains expected = undisturbed(settings);
  die_after(5, recipe(settings), run_);
  std::ofstream(run_ + "/metrics.jsonl", std::ios::app) << "{\"step\":6,\"lo";
  train(recipe(settings), run_);
  EXPECT_TRUE(remains(run_) == expected);
}

TEST_F(ResumeTest, MetricsThatSomebodyCutAreReported) {
  const Settings settings = {"steps=6", "checkpoint.every=2"};
  undisturbed(settings);
  die_after(5, recipe(settings), run_);
  const std::string metrics = contents(run_ + "/metrics.jsonl");
  const size_t line = metrics.find('\n') + 1;
  std::ofstream(run_ + "/metrics.jsonl") << metrics.substr(0, line + 9);
  std::vector<std::string> notes;
  train(recipe(settings), run_, {.noted = [&](const std::string& note) { notes.push_back(note); }});
  EXPECT_EQ(notes.size(), 2u);
  const std::string after = contents(run_ + "/metrics.jsonl");
  EXPECT_EQ(after.substr(0, line), metrics.substr(0, line));
  EXPECT_TRUE(after.substr(line).starts_with("{\"step\":5,")) << after;
}

std::map<std::string, fs::file_time_type> times_below(const std::string& folder) {
  std::map<std::string, fs::file_time_type> times = {{folder, fs::last_write_time(folder)}};
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    times[entry.path()] = entry.last_write_time();
  return times;
}

TEST_F(ResumeTest, AFinishedRunIsNotTouched) {
  const Settings settings = {"steps=4", "data.validation_samples=30"};
  const TrainingResult first = train(recipe(settings), run_);
  const auto before = times_below(run_);
  bool started = false;
  const TrainingResult second =
      train(recipe(settings), run_, {.started = [&](const TrainingPlan&) { started = true; }});
  EXPECT_EQ(second.end, TrainingEnd::finished_already);
  EXPECT_FALSE(started);
  EXPECT_EQ(second.steps, 4);
  EXPECT_EQ(second.loss, first.loss);
  EXPECT_TRUE(second.validated);
  EXPECT_EQ(second.validation.loss, first.validation.loss);
  EXPECT_EQ(second.validation.accuracy, first.validation.accuracy);
  EXPECT_TRUE(times_below(run_) == before);
}

TEST_F(ResumeTest, AnotherRecipeIsRefusedWithItsKeys) {
  die_after(3, recipe({"steps=6", "checkpoint.every=2"}), run_);
  const std::string before = contents(run_ + "/recipe.toml");
  const Recipe other = recipe({"steps=6", "lr=0.5", "model.activation=tanh", "threads=1"});
  EXPECT_EQ(refusal(other, run_,
                    "lr is 0.001 in the run and 0.5 in this command; model.activation "
                    "is \"relu\" in the run and \"tanh\" in this command"),
            ErrorKind::invalid_argument);
  EXPECT_EQ(refusal(other, run_, "--allow-changes"), ErrorKind::invalid_argument);
  EXPECT_EQ(contents(run_ + "/recipe.toml"), before);
  train(other, run_, {}, {.allow_changes = true});
  EXPECT_EQ(contents(run_ + "/recipe.toml"), other.to_toml(true));
  EXPECT_EQ(lines_with(contents(run_ + "/metrics.jsonl"), "\"lr\":0.5}"), 4);
}

TEST_F(ResumeTest, KeysThatChangeNoResultMayDiffer) {
  const Remains expected = undisturbed({"steps=6"});
  die_after(3, recipe({"steps=6", "checkpoint.every=2", "threads=2"}), run_);
  train(recipe({"steps=6", "threads=1", "checkpoint.async=true", "checkpoint.keep=1"}), run_);
  EXPECT_TRUE(remains(run_) == expected);
}

// The states of the checkpoint do not fit, which must not leave a recipe that nothing fits.
TEST_F(ResumeTest, ChangesThatDoNotFitLeaveTheRunAsItWas) {
  die_after(3, recipe({"steps=6", "checkpoint.every=2"}), run_);
  const auto before = contents(run_ + "/recipe.toml");
  EXPECT_EQ(
      refusal(recipe({"steps=6", "model.hidden=8"}), run_,
              "model.hidden is [16] in the run and [8] in this command", {.allow_changes = true}),
      ErrorKind::invalid_argument);
  EXPECT_EQ(refusal(recipe({"steps=1"}), run_, "stands at step 2, the recipe has 1 steps",
                    {.allow_changes = true}),
            ErrorKind::invalid_argument);
  EXPECT_EQ(contents(run_ + "/recipe.toml"), before);
  int64_t asked = 0;
  train(recipe({"steps=6", "accumulate=4"}), folder_.file("b"), {}, stop_at(3, asked));
  EXPECT_EQ(refusal(recipe({"steps=6", "accumulate=2"}), folder_.file("b"),
                    "inside of a step of 4 parts", {.allow_changes = true}),
            ErrorKind::invalid_argument);
}

TEST_F(ResumeTest, ARunInUseIsRefused) {
  die_after(3, recipe({"steps=6", "checkpoint.every=2"}), run_);
  {
    const FileLock other(run_ + "/lock");
    EXPECT_EQ(refusal(recipe({"steps=6"}), run_, "in use by process "),
              ErrorKind::invalid_argument);
  }
  EXPECT_EQ(train(recipe({"steps=6"}), run_).end, TrainingEnd::finished);
}

TEST_F(ResumeTest, TheNewestAreKept) {
  const std::string folder = run_ + "/checkpoints";
  const auto kept = [&](const Settings& settings) {
    fs::remove_all(run_);
    train(recipe(settings), run_);
    std::vector<int64_t> steps;
    for (const Position position : list_checkpoints(folder)) steps.push_back(position.step);
    return steps;
  };
  EXPECT_EQ(kept({"steps=7", "checkpoint.every=2"}), (std::vector<int64_t>{7, 6}));
  EXPECT_EQ(kept({"steps=7", "checkpoint.every=2", "checkpoint.keep=3", "checkpoint.async=true"}),
            (std::vector<int64_t>{7, 6, 4}));
  EXPECT_EQ(kept({"steps=7", "checkpoint.every=1", "checkpoint.keep=1"}),
            (std::vector<int64_t>{7}));
  EXPECT_EQ(kept({"steps=7", "checkpoint.every=-1"}), (std::vector<int64_t>{7}));
}

// The best of all validations are kept beside the newest, however the run went on in between.
TEST_F(ResumeTest, TheBestStay) {
  const Settings settings = {"steps=12",
                             "lr=0.5",
                             "data.validation_samples=30",
                             "validate_every=1",
                             "checkpoint.best=3",
                             "checkpoint.keep=1",
                             "checkpoint.every=5"};
  std::vector<std::pair<double, int64_t>> scores;
  const TrainingObserver observer = {.validated = [&](int64_t step, const Score& score) {
    scores.emplace_back(score.loss, step);
  }};
  train(recipe(settings), run_, observer);
  ASSERT_EQ(scores.size(), 12u);
  std::ranges::sort(scores);
  std::vector<int64_t> expected = {12};
  for (int i = 0; i < 3; ++i)
    if (scores[i].second != 12) expected.push_back(scores[i].second);
  std::ranges::sort(expected, std::greater<>());
  const auto kept = [](const std::string& run) {
    std::vector<int64_t> steps;
    for (const Position at : list_checkpoints(run + "/checkpoints")) steps.push_back(at.step);
    return steps;
  };
  EXPECT_EQ(kept(run_), expected);
  EXPECT_EQ(evaluate_run(run_, 0, RunWeights::best).loss,
            evaluate_run(run_, 0, scores[0].second).loss);

  const std::string other = folder_.file("other");
  for (int64_t stop : {3, 4, 7, 8, 11}) {
    int64_t asked = 0;
    train(recipe(settings), other, {}, stop_at(stop, asked));
  }
  train(recipe(settings), other);
  EXPECT_EQ(kept(other), expected);
  EXPECT_EQ(contents(other + "/metrics.jsonl"), contents(run_ + "/metrics.jsonl"));
}

// A line for each process that trained, and where it took the run up; what a run computes is the
// same without it.
TEST_F(ResumeTest, EveryProcessSaysWhereItRan) {
  die_after(3, recipe({"steps=6", "checkpoint.every=2"}), run_);
  train(recipe({"steps=6", "checkpoint.every=2"}), run_);
  const std::string text = contents(run_ + "/environment.jsonl");
  EXPECT_EQ(lines_with(text, "{\"began\":\"2"), 2) << text;
  EXPECT_EQ(lines_with(text, "\"step\":0,\"command\":[\""), 1) << text;
  EXPECT_EQ(lines_with(text, "\"step\":2,\"command\":[\""), 1) << text;
  for (const char* member : {"version", "compiler", "build", "device", "processor", "processors",
                             "memory_bytes", "instructions", "threads", "system", "variables"})
    EXPECT_EQ(lines_with(text, fmt::format("\"{}\":", member)), 2) << member;
}

TEST_F(ResumeTest, WithoutBestThereIsNone) {
  train(recipe({"steps=2"}), run_);
  try {
    evaluate_run(run_, 0, RunWeights::best);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("checkpoint.best=1"), std::string::npos);
  }
}

// A run that is lost has no checkpoint from which it would be lost again.
TEST_F(ResumeTest, WhatIsNotFiniteIsNeverSaved) {
  for (const char* mode : {"checkpoint.async=false", "checkpoint.async=true"}) {
    fs::remove_all(run_);
    const Recipe lost = recipe(
        {"optimizer.name=sgd", "lr=1e20", "checkpoint.every=1", "checkpoint.keep=100", mode});
    EXPECT_EQ(refusal(lost, run_, "step "), ErrorKind::not_finite);
    EXPECT_FALSE(fs::exists(run_ + "/final.safetensors"));
    for (const Position position : list_checkpoints(run_ + "/checkpoints")) {
      const std::string path = run_ + "/checkpoints/" + checkpoint_name(position);
      check_checkpoint(path);
      for (const auto& [name, tensor] : load_safetensors(path + "/state.safetensors").tensors)
        EXPECT_TRUE(all_finite(tensor)) << path << " " << name;
    }
  }
}

// A file gets in the way of the folder of checkpoints while the run is under way.
TEST_F(ResumeTest, AFailedSaveIsAnErrorInBothModes) {
  for (const char* mode : {"checkpoint.async=false", "checkpoint.async=true"}) {
    fs::remove_all(run_);
    const Recipe what = recipe({"steps=6", "checkpoint.every=2", mode});
    const auto block = [&](const StepReport&) { std::ofstream(run_ + "/checkpoints") << "here"; };
    try {
      train(what, run_, {.stepped = block});
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::io) << error.what();
      EXPECT_NE(std::string(error.what()).find("checkpoints"), std::string::npos) << error.what();
    }
    EXPECT_FALSE(fs::exists(run_ + "/final.safetensors"));
    fs::remove(run_ + "/checkpoints");
    EXPECT_EQ(train(what, run_).end, TrainingEnd::finished);
  }
}

TEST_F(ResumeTest, ACheckpointCanBeScored) {
  const Settings settings = {"steps=6", "checkpoint.every=2", "checkpoint.keep=3"};
  train(recipe(settings), run_);
  EXPECT_EQ(evaluate_run(run_, 0, 6).loss, evaluate_run(run_).loss);
  EXPECT_NE(evaluate_run(run_, 0, 2).loss, evaluate_run(run_).loss);
  const auto error_of = [&](int64_t checkpoint) {
    try {
      evaluate_run(run_, 0, checkpoint);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(error_of(5).find("no checkpoint of step 5, but of 6, 4, 2"), std::string::npos);
  std::ofstream(run_ + "/checkpoints/step-00000004/state.safetensors", std::ios::app) << "x";
  EXPECT_NE(error_of(4).find("damaged"), std::string::npos) << error_of(4);
  fs::remove(run_ + "/final.safetensors");
  EXPECT_NE(error_of(-1).find("not finished"), std::string::npos) << error_of(-1);
}

}  // namespace
}  // namespace gradus
