// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

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

TEST_F(DataCommandTest, KnowsGraphs) {
  const auto put = [&](const std::string& name, const std::string& text) {
    folder_.write(name, {text.begin(), text.end()});
  };
  put("edges.csv", "from,to\na,b\nb,c\nb,a\nd,d\n");
  put("nodes.csv", "id,size,kind\na,1,x\nb,3,y\nc,5,x\nd,7,\n");
  const Json inspected = json_of("inspect " + folder_.path());
  EXPECT_EQ(inspected["format"], "graph");
  EXPECT_EQ(inspected["nodes"], 4);
  EXPECT_EQ(inspected["edges"], 2);
  EXPECT_EQ(inspected["repeated_edges"], 1);
  EXPECT_EQ(inspected["self_loops"], 1);
  EXPECT_EQ(inspected["nodes_without_edge"], 1);
  EXPECT_EQ(inspected["components"], 2);
  EXPECT_EQ(inspected["degree"], (Json{{"min", 0}, {"mean", 1}, {"max", 2}}));
  EXPECT_EQ(inspected["class_counts"], (Json{{"x", 2}, {"y", 1}}));
  const Json stats = json_of("stats " + folder_.path());
  EXPECT_EQ(stats["columns"][0]["mean"], 4);
  EXPECT_EQ(stats["edges"], 2);
  const Json preview = json_of("preview " + folder_.path() + " --count 2");
  ASSERT_EQ(preview.size(), 2u);
  EXPECT_EQ(preview[1], (Json{{"node", "b"},
                              {"class", 1},
                              {"neighbours", {"a", "c"}},
                              {"inputs", std::vector<double>{3}}}));
  EXPECT_NE(run("data preview " + folder_.path()).output.find("d: no class here, 0 neighbours"),
            std::string::npos);
  EXPECT_EQ(json_of("split " + folder_.path() + " data.test=0.4")["test"]["nodes"], 1);
  EXPECT_EQ(json_of("verify " + folder_.path())["faults"].size(), 0u);
  put("edges.csv", "from,to\na,b\nb,z\n");
  const Outcome faulty = run("data verify " + folder_.path());
  EXPECT_EQ(faulty.code, 1);
  EXPECT_NE(faulty.output.find("edges.csv:3] an edge of 'z'"), std::string::npos) << faulty.output;
}

TEST_F(DataCommandTest, GraphsMayHaveNoEdgesAndNodesThatLackAFeature) {
  const auto put = [&](const std::string& name, const std::string& text) {
    folder_.write(name, {text.begin(), text.end()});
  };
  const std::string nodes = "id,size,kind\na,1,x\nb,,y\nc,5,x\nd,7,y\n";
  put("nodes.csv", nodes);
  put("edges.csv", "from,to\n");
  EXPECT_NE(run("data inspect " + folder_.path()).output.find("nodes.csv:3] column 'size'"),
            std::string::npos);
  const std::string dropped = " data.missing=drop";
  Json json = json_of("inspect " + folder_.path() + dropped);
  EXPECT_EQ(json["nodes"], 3);
  EXPECT_EQ(json["edges"], 0);
  EXPECT_EQ(json["components"], 3);
  put("edges.csv", "from,to\na,b\na,c\nb,d\n");
  json = json_of("inspect " + folder_.path() + dropped);
  EXPECT_EQ(json["edges"], 1);  // those of b went with it
  EXPECT_EQ(json["class_counts"], (Json{{"x", 2}, {"y", 1}}));
  EXPECT_EQ(json_of("inspect " + folder_.path() + " data.missing=mean")["edges"], 3);
  put("edges.csv", "from,to\na,q\n");
  EXPECT_NE(run("data inspect " + folder_.path() + dropped).output.find("an edge of 'q'"),
            std::string::npos);
  put("edges.csv", "");
  EXPECT_EQ(run("data inspect " + folder_.path() + dropped).code, 4);
  EXPECT_EQ(json_of("inspect " + folder_.path() +
                    " data.missing=zero data.header=false "
                    "data.drop=2")["edges"],
            0);
  put("nodes.tsv", nodes);
  const Outcome both = run("data inspect " + folder_.path() + dropped);
  EXPECT_EQ(both.code, 4);
  EXPECT_NE(both.output.find("both nodes.csv and nodes.tsv"), std::string::npos) << both.output;
}

TEST_F(DataCommandTest, VerifyNamesColumnsThatTrainingCannotCountIn) {
  const std::string text = "a,b,kind\n1,2,x\n1e30,2,y\n5,-2e25,x\n7,1e25,y\n";
  const std::string table = folder_.write("h.csv", {text.begin(), text.end()});
  const Outcome none = run("data verify " + folder_.write("e.csv", {}));
  EXPECT_EQ(std::ranges::count(none.output, '\n'), 2) << none.output;  // a fault of all parts
  const Outcome raw = run("data verify " + table);
  EXPECT_EQ(raw.code, 1);
  EXPECT_NE(raw.output.find("input 'a': 1e+30 in sample"), std::string::npos) << raw.output;
  EXPECT_NE(raw.output.find("input 'b': -2e+25 in sample"), std::string::npos) << raw.output;
  EXPECT_NE(raw.output.find("(and 1 more)"), std::string::npos) << raw.output;
  EXPECT_EQ(run("data verify " + table + " data.scaling=standard").code, 0);
  const Outcome target =
      run("data verify " + table + " data.target=a data.drop=kind data.task=regression");
  EXPECT_NE(target.output.find("target 'a': 1e+30 in sample"), std::string::npos) << target.output;
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

// Finite in the file, and in no model.
TEST_F(DataCommandTest, NumbersBeyondF32AreRefused) {
  const auto output = [&](const std::string& text, const std::string& more) {
    return run("data inspect " + folder_.write("d.csv", {text.begin(), text.end()}) + more).output;
  };
  const std::string inputs = "a,kind\n1,x\n1e300,y\n2,x\n",
                    targets = "a,b\n1,0.5\n2,1e300\n3,1.5\n";
  EXPECT_NE(output(inputs, " data.scaling=none").find("is 1e+300, too large for f32"),
            std::string::npos);
  EXPECT_NE(output(targets, " data.task=regression").find("target 0 of sample 1 is 1e+300"),
            std::string::npos);
}

TEST_F(DataCommandTest, ADelimiterThatIsNoCommaIsNamed) {
  const auto output = [&](const std::string& text) {
    return run("data inspect " + folder_.write("d.csv", {text.begin(), text.end()})).output;
  };
  EXPECT_NE(output("a;b;kind\n1;2;x\n").find("data.delimiter=semicolon"), std::string::npos);
  EXPECT_NE(output("a;b\n1,5;2\n").find("data.delimiter=semicolon"), std::string::npos);
  EXPECT_NE(output("a\tb\n1\t2\n").find("data.delimiter=tab"), std::string::npos);
}

TEST_F(DataCommandTest, VerifyComparesTheParts) {
  folder_.write("train-images-idx3-ubyte", idx_bytes({1, 2, 2}, {0, 255, 255, 0}));
  folder_.write("train-labels-idx1-ubyte", idx_bytes({1}, {7}));
  folder_.write("t10k-images-idx3-ubyte", idx_bytes({1, 1, 2}, {0, 255}));
  folder_.write("t10k-labels-idx1-ubyte", idx_bytes({1}, {7}));
  const Outcome faulty = run("data verify " + folder_.path());
  EXPECT_EQ(faulty.code, 1);
  EXPECT_NE(faulty.output.find("inputs of the test split, expected (1, 2, 2) as in training, got "
                               "(1, 1, 2)"),
            std::string::npos)
      << faulty.output;
}

TEST_F(DataCommandTest, BenchCountsBatches) {
  const Json json = json_of("bench " + table_ + " batch=2");
  ASSERT_EQ(json.size(), 4u);
  for (const Json& row : json) EXPECT_GT(row["batches_a_second"].get<double>(), 0);
}

}  // namespace
}  // namespace gradus
