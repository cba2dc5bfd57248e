// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <string>

#include <sys/wait.h>
#include <nlohmann/json.hpp>

#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

struct Outcome {
  int code = -1;
  std::string output;
};

// Runs the program; `output` is what `streams` ("2>&1", "2>/dev/null") lets through.
Outcome run(const std::string& arguments, const std::string& streams = "2>&1") {
  Outcome outcome;
  std::FILE* pipe =
      popen((std::string(GRADUS_PROGRAM) + " " + arguments + " " + streams).c_str(), "r");
  std::array<char, 4096> piece{};
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), pipe))
    outcome.output.append(piece.data(), got);
  outcome.code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

class TrainCommandTest : public testing::Test {
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

TEST_F(TrainCommandTest, AMisspeltKeyGivesPlaceSuggestionAndCode) {
  write_recipe("lrr = 0.01\n");
  const Outcome outcome = run("train " + recipe_ + " run=" + folder_.file("run"));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.output, recipe_ + ":1:1: unknown key 'lrr', did you mean 'lr'?\n");
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

TEST_F(TrainCommandTest, KeysAreListed) {
  const Outcome keys = run("train --help");
  EXPECT_EQ(keys.code, 0);
  EXPECT_NE(keys.output.find("optimizer.weight_decay"), std::string::npos);
}

}  // namespace
}  // namespace gradus
