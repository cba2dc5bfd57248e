// SPDX-License-Identifier: Apache-2.0
// `gradus tune` and `gradus learning-curve` as a user calls them.
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

using testing::Outcome;
using testing::program;
using testing::run;
using testing::run_shell;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int64_t count(const std::string& text, const std::string& part) {
  int64_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// Points of a plane, and on which side of a line they lie.
class TuneCommandTest : public ::testing::Test {
 protected:
  TuneCommandTest() {
    std::string csv = "a,b,side\n";
    for (int i = 0; i < 200; ++i) {
      const int a = i * 37 % 101, b = i * 59 % 97;
      csv += fmt::format("{},{},{}\n", a, b, a > b ? "above" : "below");
    }
    write("points.csv", csv);
    recipe_ =
        write("r.toml", "epochs = 3\nbatch = 16\nthreads = 1\n[data]\nformat = \"csv\"\npath = \"" +
                            folder_.file("points.csv") +
                            "\"\nvalidation = 0.2\ntest = 0.2\n[model]\nhidden = [8]\n");
    space_ = write("s.toml", "lr = [1e-2, 1e-4]\n[optimizer]\nname = [\"adam\", \"sgd\"]\n");
    search_ = folder_.file("search");
  }

  std::string write(const std::string& name, const std::string& text) {
    return folder_.write(name, {text.begin(), text.end()});
  }
  std::string call(const std::string& more) const {
    return "tune " + recipe_ + " --space " + space_ + " --run " + search_ + " " + more;
  }
  void refused(const std::string& arguments, int code, const std::string& message) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, code) << arguments;
    EXPECT_NE(outcome.output.find(message), std::string::npos) << arguments << "\n"
                                                               << outcome.output;
  }

  TemporaryFolder folder_;
  std::string recipe_, space_, search_;
};

TEST_F(TuneCommandTest, AGridPrintsATableAndTheCommandOfTheBest) {
  const Outcome table = run(call("--strategy grid --metric validation.accuracy"), "2>/dev/null");
  EXPECT_EQ(table.code, 0);
  EXPECT_EQ(table.output.find("trial  state     accuracy"), 0u) << table.output;
  EXPECT_EQ(count(table.output, "finished"), 4);
  const size_t again = table.output.find("again: gradus ");
  ASSERT_NE(again, std::string::npos);
  const std::string command = table.output.substr(again + 14, table.output.size() - again - 15);
  EXPECT_EQ(command, "train " + recipe_ + " lr=0.01 optimizer.name=adam");
  const Outcome trained = run(command + " run=" + folder_.file("again") + " --json", "2>/dev/null");
  EXPECT_EQ(trained.code, 0);
  EXPECT_EQ(read_file(folder_.file("again/final.safetensors")),
            read_file(search_ + "/trial-0000/final.safetensors"));

  const Outcome json = run(call("--strategy grid --metric accuracy --json"), "2>/dev/null");
  EXPECT_EQ(json.output.find('\n'), json.output.size() - 1);
  EXPECT_NE(json.output.find(R"("metric":"accuracy","best":0,"command":"gradus train)"),
            std::string::npos)
      << json.output;
  EXPECT_NE(json.output.find(R"("settings":{"lr":"0.01","optimizer.name":"adam"})"),
            std::string::npos);
  EXPECT_EQ(count(run("runs ls " + search_).output, "trial-000"), 4);
}

TEST_F(TuneCommandTest, WorkersAndTwoCommandsShareTheTrials) {
  const std::string one = call("--strategy grid --metric loss --json");
  const Outcome both = run_shell(program() + " " + one + " --workers 2 2>/dev/null & " + program() +
                                 " " + one + " 2>/dev/null; wait");
  EXPECT_NE(both.output.find("\"best\":0"), std::string::npos) << both.output;
  const std::string store = read_file(search_ + "/trials.jsonl");
  EXPECT_EQ(count(store, "\n"), 8) << store;
  EXPECT_EQ(count(store, "\"begun\""), 4);
  EXPECT_EQ(count(store, "\"finished\""), 4);
  EXPECT_FALSE(std::filesystem::exists(search_ + "/trial-0000.lock"));
}

// Told to stop, all workers write their checkpoints; the same command goes on from them.
TEST_F(TuneCommandTest, ASignalStopsWorkersAndTheCommandGoesOn) {
  const std::string command = program() + " " + call("epochs=200000 --strategy grid --workers 2");
  const Outcome stopped = run_shell(
      command + " 2>&1 & pid=$!; until [ -s " + search_ + "/trial-0001/metrics.jsonl ] || " +
      "[ $((n=n+1)) -gt 100 ]; do sleep 0.05; done; kill -TERM $pid; wait $pid; echo code $?");
  EXPECT_NE(stopped.output.find("code 10"), std::string::npos) << stopped.output;
  EXPECT_NE(stopped.output.find("unfinished"), std::string::npos) << stopped.output;
  EXPECT_NE(stopped.output.find("no trial was trained to its end"), std::string::npos);
  EXPECT_EQ(count(run_shell("ls -d " + search_ + "/trial-000[01]/checkpoints/step-*").output, "\n"),
            2);
  refused(call("epochs=7 --strategy grid"), 2, "begun with another recipe: epochs is 200000");
}

TEST_F(TuneCommandTest, WrongCommandsSayWhatIsWrong) {
  refused("tune " + recipe_, 2, "--space");
  refused("tune " + recipe_ + " --space " + folder_.file("none"), 3, "no such space");
  refused("tune " + recipe_ + " --space " + folder_.path(), 3, "no such space");
  refused("tune " + folder_.file("none") + " --space " + space_, 3, "no such recipe");
  refused(call("--strategy gird"), 2,
          "expected one of grid, random, bayes, got 'gird', did you mean 'grid'?");
  refused(call("--metric acc"), 2, "--metric, expected one of");
  refused(call("--acquisition pi"), 2, "--acquisition, expected one of ei, ucb");
  refused(call("--prune half"), 2, "--prune, expected none or median");
  refused(call("--trials -1"), 2, "--trials, expected");
  refused(call("--workers 0"), 2, "--workers, expected 1");
  refused(call("--seed -1"), 2, "--seed, expected at least 0");
  refused(call("--metric r2"), 2, "has loss, accuracy, not 'r2'");
  refused(call("run=x"), 2, "--run DIR names the folder");
  refused(call("lr=1"), 2, "the space says already what 'lr' is to be");
  refused(call("data.validation=0"), 2, "this recipe has none: set data.validation=0.2");
  EXPECT_FALSE(std::filesystem::exists(search_));  // nothing of that made a folder
  space_ = write("s.toml", "lr = [0.1]\nmodle.hidden = [8]\n");
  refused(call(""), 2, "s.toml:2:1: unknown key 'modle");
  space_ = write("s.toml", "lr = {min = 0.1, max = 0.2}\n");
  refused(call("--strategy grid"), 2, "'lr' expected steps=N");
  space_ = write("s.toml", "\xef\xbb\xbflr = [0.01]\r\n");
  EXPECT_EQ(run(call("--trials 5 epochs=1")).code, 0);  // of a space with one point
  refused("tune " + recipe_ + " --space " + space_ + " --run " + folder_.path(), 2,
          "is not empty and not the folder of a search");
}

TEST_F(TuneCommandTest, ASearchOfFailuresSaysSo) {
  space_ = write("s.toml", "lr = [1e38]\n[optimizer]\nname = [\"sgd\"]\n");
  const Outcome outcome = run(call("--strategy grid"), "2>/dev/null");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.output.find("trial 0 failed: "), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("no trial was trained to its end"), std::string::npos);
}

TEST_F(TuneCommandTest, ALearningCurveLeavesTableAndPlot) {
  const std::string curve = folder_.file("curve");
  const std::string command =
      "learning-curve " + recipe_ + " --sizes 10,60,all --seeds 2 --run " + curve;
  const Outcome table = run(command, "2>/dev/null");
  EXPECT_EQ(table.code, 0);
  EXPECT_EQ(table.output.find("samples  runs  test loss"), 0u) << table.output;
  EXPECT_EQ(count(table.output, "\n"), 4);
  const std::string csv = read_file(curve + "/learning_curve.csv");
  EXPECT_EQ(csv.find("samples,seed,steps,training_loss,test_loss,test_accuracy\n10,1,"), 0u) << csv;
  EXPECT_EQ(count(csv, "\n"), 7);
  EXPECT_NE(read_file(curve + "/learning_curve.svg").find("training samples, logarithm"),
            std::string::npos);
  EXPECT_EQ(run(command, "2>/dev/null").output, table.output);  // nothing is trained again
  refused("learning-curve " + recipe_, 2, "--sizes");
  refused("learning-curve " + recipe_ + " --sizes 0", 2, "expected numbers of samples and all");
  refused("learning-curve " + recipe_ + " --sizes 500", 2,
          "500 is more than the 120 training samples");
  refused("learning-curve " + recipe_ + " --sizes 10 --seeds 0", 2, "--seeds, expected 1");
  refused("learning-curve " + recipe_ + " --sizes 10 data.samples=5", 2, "--sizes says how many");
  refused("learning-curve " + recipe_ + " --sizes 10 data.test=0 data.validation=0", 2,
          "set data.test=0.2");
  refused("train " + recipe_ + " data.samples=121", 2,
          "[data.samples] expected at most the 120 training samples, got 121");
}

}  // namespace
}  // namespace gradus
