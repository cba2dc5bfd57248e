// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

using testing::Outcome;
using testing::run;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class TrainCommandTest : public ::testing::Test {
 protected:
  TrainCommandTest() {
    std::vector<uint8_t> text;
    for (int i = 0; i < 400; ++i) text.push_back(static_cast<uint8_t>("abcd"[i % 4]));
    folder_.write("train.txt", text);
    folder_.write("val.txt", text);
    write_recipe("lr = 0.01\n");
  }

  void write_recipe(const std::string& start) {
    const std::string recipe =
        start +
        "steps = 30\nbatch = 8\n[model]\nname = \"lstm\"\nwidth = 8\ncells = 16\n"
        "layers = 1\n[data]\nformat = \"text\"\nlength = 8\npath = \"" +
        folder_.path() + "\"\n";
    recipe_ = folder_.write("r.toml", {recipe.begin(), recipe.end()});
  }

  TemporaryFolder folder_;
  std::string recipe_;
};

TEST_F(TrainCommandTest, TrainsThenEvaluates) {
  const std::string run_folder = folder_.file("run");
  const Outcome trained =
      run("train " + recipe_ + " seed=3 run=" + run_folder + " --json", "2>/dev/null");
  EXPECT_EQ(trained.code, 0);
  EXPECT_EQ(trained.output.front(), '{');
  EXPECT_EQ(trained.output.find('\n'), trained.output.size() - 1);
  const Outcome scored = run("eval " + run_folder + " --json", "2>/dev/null");
  EXPECT_EQ(scored.code, 0);
  EXPECT_NE(scored.output.find("\"accuracy\":"), std::string::npos) << scored.output;
  EXPECT_NE(scored.output.find("\"split\":\"test\""), std::string::npos) << scored.output;
}

// The text repeats abcd, and so does what has learnt it.
TEST_F(TrainCommandTest, GeneratesFromARun) {
  const std::string run_folder = folder_.file("run");
  ASSERT_EQ(run("train " + recipe_ + " steps=400 lr=0.02 run=" + run_folder, "2>&1").code, 0);
  const std::string call = "generate " + run_folder + " --prompt abcdab --tokens 10";
  const Outcome text = run(call + " --temperature 0", "2>&1");
  EXPECT_EQ(text.code, 0);
  EXPECT_EQ(text.output, "abcdabcdabcdabcd\n");
  const auto json = nlohmann::json::parse(run(call + " --top-k 1 --json").output);
  EXPECT_EQ(json["prompt"], "abcdab");
  EXPECT_EQ(json["text"], "cdabcdabcd");
  EXPECT_EQ(run(call + " --top-p 0").code, 2);
  EXPECT_EQ(run("generate " + run_folder + " --tokens -1", "2>/dev/null").output, "");
  EXPECT_EQ(run("generate " + folder_.path()).code, 3);
}

TEST_F(TrainCommandTest, AMisspeltKeyGivesPlaceSuggestionAndCode) {
  write_recipe("lrr = 0.01\n");
  const Outcome outcome = run("train " + recipe_ + " run=" + folder_.file("run"));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.output, recipe_ + ":1:1: unknown key 'lrr', did you mean 'lr'?\n");
}

// What only data or model show to be wrong.
TEST_F(TrainCommandTest, AValueRefusedLaterHasItsPlace) {
  write_recipe("lr = 0.01\naccumulate = 3\n");
  const std::string message = "[accumulate] expected a divisor of the batch 8, got 3";
  for (const std::string command : {"train ", "plan ", "profile ", "find lr "})
    EXPECT_NE(run(command + recipe_).output.find(recipe_ + ":2:1: " + message), std::string::npos)
        << command;
  const Outcome overridden = run("train " + recipe_ + " accumulate=5");
  EXPECT_NE(overridden.output.find("override 'accumulate=5': [accumulate]"), std::string::npos)
      << overridden.output;
}

TEST_F(TrainCommandTest, FailuresHaveTheirCodes) {
  EXPECT_EQ(run("train /nonexistent.toml").code, 3);
  EXPECT_EQ(run("train " + recipe_ + " data.path=/nonexistent run=" + folder_.file("a")).code, 3);
  EXPECT_EQ(
      run("train " + recipe_ + " lr=1e38 clip=0 optimizer.name=sgd run=" + folder_.file("b")).code,
      7);
  EXPECT_EQ(run("eval " + folder_.file("none")).code, 3);
  EXPECT_EQ(run("bench train --model none").code, 2);
  folder_.write("train.txt", {'a'});
  EXPECT_EQ(run("train " + recipe_ + " run=" + folder_.file("c")).code, 4);
}

TEST_F(TrainCommandTest, TheProfileAddsUpToTheStep) {
  const Outcome outcome =
      run("bench train --model mlp --threads 1 --seconds 0.1 --profile op --json", "2>/dev/null");
  EXPECT_EQ(outcome.code, 0);
  const auto report = nlohmann::json::parse(outcome.output);
  double milliseconds = 0, share = 0, flops = 0;
  for (const auto& row : report.at("profile")) {
    EXPECT_GT(row.at("calls").get<int>(), 0);
    milliseconds += row.at("ms").get<double>();
    share += row.at("share").get<double>();
    flops += row.at("flops").get<double>();
  }
  EXPECT_NEAR(share, 1, 1e-6);
  EXPECT_GT(milliseconds, 0);
  EXPECT_GE(flops, 2.0 * 2 * 128 * 784 * 512);  // the first layer forward and of its weights
  EXPECT_EQ(run("bench train --model mlp --profile all").code, 2);
}

// Every node of the step is in the table and, three times, in the trace.
TEST_F(TrainCommandTest, ARecipesStepIsProfiled) {
  const std::string trace = folder_.file("trace.json");
  const Outcome outcome =
      run("profile " + recipe_ + " --steps 4 --json --trace " + trace, "2>/dev/null");
  ASSERT_EQ(outcome.code, 0);
  const auto rows = nlohmann::json::parse(outcome.output);
  size_t calls = 0;
  double share = 0;
  for (const auto& row : rows) {
    calls += row["calls"].get<size_t>();
    share += row["share"].get<double>();
  }
  EXPECT_NEAR(share, 1, 1e-9);
  const auto events = nlohmann::json::parse(read_file(trace))["traceEvents"];
  EXPECT_EQ(events.size(), 3 * calls);
  double last = 0;
  for (const auto& event : events) {
    EXPECT_EQ(event["ph"], "X");
    EXPECT_GE(event["ts"].get<double>(), last - 0.01);  // one after the other
    last = event["ts"].get<double>() + event["dur"].get<double>();
  }
  EXPECT_EQ(run("profile " + recipe_ + " --steps 0").code, 2);
  EXPECT_EQ(run("profile " + recipe_ + " --by layer").code, 2);
}

TEST_F(TrainCommandTest, VersionAndDoctorSpeakJson) {
  EXPECT_TRUE(nlohmann::json::parse(run("version --json").output).contains("compiler"));
  const auto findings = nlohmann::json::parse(run("doctor --json").output);
  EXPECT_EQ(findings.size(), 7u);
}

TEST_F(TrainCommandTest, KeysAreListed) {
  const Outcome keys = run("train --help");
  EXPECT_EQ(keys.code, 0);
  EXPECT_NE(keys.output.find("optimizer.weight_decay"), std::string::npos);
}

}  // namespace
}  // namespace gradus
