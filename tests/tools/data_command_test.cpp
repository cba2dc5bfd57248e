// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

using testing::Outcome;
using testing::run;
using Json = nlohmann::json;

class DataCommandTest : public ::testing::Test {
 protected:
  DataCommandTest() {
    const std::string text = "a,b,kind\n1,2,x\n3,2,y\n5,2,x\n7,2,y\n";
    table_ = folder_.write("t.csv", {text.begin(), text.end()});
  }

  Json json_of(const std::string& arguments) {
    const Outcome outcome = run("data " + arguments + " --json", "2>/dev/null");
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(outcome.output.find('\n'), outcome.output.size() - 1);  // one line
    return Json::parse(outcome.output, nullptr, false);
  }

  TemporaryFolder folder_;
  std::string table_;
};

TEST_F(DataCommandTest, InspectsAFileWithoutARecipe) {
  const Json json = json_of("inspect " + table_);
  EXPECT_EQ(json["format"], "csv");
  EXPECT_EQ(json["samples"], 4);
  EXPECT_EQ(json["shape"], (std::vector<int64_t>{2}));
  EXPECT_EQ(json["class_counts"], (Json{{"x", 2}, {"y", 2}}));
  EXPECT_EQ(json["min"], 1);
  EXPECT_EQ(json["max"], 7);
  EXPECT_NE(run("data inspect " + table_).output.find("class_counts"), std::string::npos);
}

TEST_F(DataCommandTest, StatisticsAreOfTheColumns) {
  const Json json = json_of("stats " + table_);
  EXPECT_EQ(json[0]["mean"], 4);
  EXPECT_NEAR(json[0]["deviation"].get<double>(), 2.2360679774997896, 1e-12);
  EXPECT_EQ(json[1]["deviation"], 0);
  EXPECT_NEAR(json_of("stats " + table_ + " data.scaling=standard")[0]["mean"].get<double>(), 0,
              1e-12);
}

TEST_F(DataCommandTest, PreviewsRowsAndImages) {
  const Json json = json_of("preview " + table_ + " --count 2");
  EXPECT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1]["inputs"], (std::vector<double>{3, 2}));
  EXPECT_EQ(json[1]["targets"], (std::vector<double>{1}));
  EXPECT_NE(run("data preview " + table_).output.find("class 1 (y): 3, 2"), std::string::npos);
  folder_.write("train-images-idx3-ubyte", idx_bytes({1, 2, 2}, {0, 255, 255, 0}));
  folder_.write("train-labels-idx1-ubyte", idx_bytes({1}, {7}));
  EXPECT_NE(run("data preview " + folder_.path()).output.find("class 7\n @\n"), std::string::npos);
}

TEST_F(DataCommandTest, SplitShowsTheParts) {
  const Json json = json_of("split " + table_ + " data.validation=0.5 data.stratify=true");
  EXPECT_EQ(json["train"]["samples"], 2);
  EXPECT_EQ(json["validation"]["classes"], (Json{{"x", 1}, {"y", 1}}));
}

TEST_F(DataCommandTest, VerifyNamesFaultsAndFails) {
  EXPECT_EQ(run("data verify " + table_).code, 0);
  const std::string text = "a,kind\n1,x\n2\n";
  const Outcome broken = run("data verify " + folder_.write("b.csv", {text.begin(), text.end()}));
  EXPECT_EQ(broken.code, 1);
  EXPECT_NE(broken.output.find("b.csv:3] expected 2 cells"), std::string::npos) << broken.output;
  EXPECT_EQ(run("data verify " + folder_.file("none.csv")).code, 3);
}

TEST_F(DataCommandTest, BenchCountsBatches) {
  const Json json = json_of("bench " + table_ + " batch=2");
  ASSERT_EQ(json.size(), 4u);
  for (const Json& row : json) EXPECT_GT(row["batches_a_second"].get<double>(), 0);
}

}  // namespace
}  // namespace gradus
