// SPDX-License-Identifier: Apache-2.0
#include "training/run_record.h"

#include <cmath>
#include <filesystem>

#include "engine/base/error.h"
#include "tests/data/temporary_folder.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

class RunRecordTest : public ::testing::Test {
 protected:
  RunRecordTest() { write("recipe.toml", ""); }

  void write(const std::string& name, const std::string& text) {
    folder_.write(name, {text.begin(), text.end()});
  }
  RunRecord read() const { return read_run(folder_.path()); }

  TemporaryFolder folder_;
};

constexpr const char* two_steps =
    "{\"step\":1,\"loss\":2.5,\"lr\":0.1}\n"
    "{\"step\":2,\"loss\":null,\"lr\":0.05}\n"
    "{\"step\":2,\"split\":\"validation\",\"metrics\":{\"loss\":2.25,\"accuracy\":0.5}}\n";

TEST_F(RunRecordTest, ReadsStepsAndEvaluations) {
  write("metrics.jsonl", two_steps);
  const RunRecord run = read();
  EXPECT_FALSE(run.finished);
  ASSERT_EQ(run.steps.size(), 2u);
  EXPECT_EQ(run.steps[0].loss, 2.5);
  EXPECT_EQ(run.steps[1].lr, 0.05);
  EXPECT_TRUE(std::isnan(run.steps[1].loss));
  ASSERT_NE(run.last("validation"), nullptr);
  EXPECT_EQ(run.last("validation")->metrics.at("accuracy"), 0.5);
  EXPECT_EQ(run.last("test"), nullptr);
}

TEST_F(RunRecordTest, LeavesATornLastLineOut) {
  const std::string whole = two_steps;
  for (size_t length = 0; length <= whole.size(); ++length) {
    write("metrics.jsonl", whole.substr(0, length));
    const RunRecord run = read();
    EXPECT_LE(run.steps.size() + run.evaluations.size(), 3u);
  }
}

TEST_F(RunRecordTest, NamesTheLineThatIsNoRecord) {
  for (const char* bad : {"nonsense", "{}", "{\"step\":\"1\",\"loss\":2}", "[1]", "3",
                          "{\"step\":1,\"split\":\"x\",\"metrics\":{\"a\":\"b\"}}"}) {
    write("metrics.jsonl", "{\"step\":1,\"loss\":2}\n" + std::string(bad) + "\n");
    try {
      read();
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data);
      EXPECT_NE(std::string(error.what()).find("metrics.jsonl:2"), std::string::npos)
          << error.what();
    }
  }
}

TEST_F(RunRecordTest, ARunBeforeItsFirstStepHasNone) {
  EXPECT_TRUE(read().steps.empty());
  write("final.safetensors", "x");
  EXPECT_TRUE(read().finished);
  EXPECT_THROW(read_run(folder_.path() + "/none"), Error);
}

TEST_F(RunRecordTest, FindsRunsByTheirRecipe) {
  std::filesystem::create_directories(folder_.path() + "/b");
  std::filesystem::create_directories(folder_.path() + "/a");
  std::filesystem::create_directories(folder_.path() + "/c");
  write("b/recipe.toml", "");
  write("a/recipe.toml", "");
  const std::vector<std::string> expected = {folder_.path() + "/a", folder_.path() + "/b"};
  EXPECT_EQ(find_runs(folder_.path()), expected);
  EXPECT_THROW(find_runs(folder_.path() + "/none"), Error);
}

}  // namespace
}  // namespace gradus
