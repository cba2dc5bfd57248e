// SPDX-License-Identifier: Apache-2.0
// Graphs as lists of edges: what is read, what is refused, and training on one.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "data/graph_source.h"
#include "data/node_graph.h"
#include "data/packed_dataset.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"
#include "training/evaluation.h"
#include "training/session.h"
#include "training/trainer.h"

namespace gradus {
namespace {

class GraphTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }

  void write(const std::string& name, const std::string& text) {
    folder_.write(name, {text.begin(), text.end()});
  }
  void nodes(const std::string& text) { write("nodes.csv", text); }
  void edges(const std::string& text) { write("edges.csv", text); }

  std::unique_ptr<Dataset> load(GraphSource source = {}, Split split = Split::train) {
    source.path = folder_.path();
    return load_graph(source, split);
  }
  std::string refusal(const GraphSource& source = {}) {
    try {
      load(source);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  static std::vector<int64_t> targets_of(const Dataset& data) {
    Tensor inputs(DType::f64, {1, data.sample_shape()[0], data.sample_shape()[1]});
    Tensor targets(DType::i64, {1, data.target_shape()[0]});
    const int64_t first = 0;
    data.fill({&first, 1}, 0, inputs, targets);
    const auto* values = targets.data_as<int64_t>();
    return {values, values + targets.numel()};
  }
  static std::vector<double> inputs_of(const Dataset& data) {
    Tensor inputs(DType::f64, {1, data.sample_shape()[0], data.sample_shape()[1]});
    Tensor targets(DType::i64, {1, data.target_shape()[0]});
    const int64_t first = 0;
    data.fill({&first, 1}, 0, inputs, targets);
    return inputs.to_doubles();
  }

  TemporaryFolder folder_;
};

constexpr const char* four_nodes = "id,kind\na,x\nb,y\nc,x\nd,y\n";

TEST_F(GraphTest, EdgesStandInBothRows) {
  nodes(four_nodes);
  edges("from,to\nc,a\na,b\n\nd,d\r\nb,a\n");
  const auto data = load();
  const NodeGraph& graph = *data->graph();
  EXPECT_EQ(graph.names, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(graph.edges(), 2);
  EXPECT_EQ(graph.self_loops, 1);
  EXPECT_EQ(graph.repeated, 1);
  EXPECT_EQ(graph.adjacency.crow, (std::vector<int64_t>{0, 2, 3, 4, 4}));
  EXPECT_EQ(graph.adjacency.col, (std::vector<int64_t>{1, 2, 0, 0}));
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(data->sample_shape(), (Shape{4, 4}));  // nodes as their own features
  EXPECT_EQ(inputs_of(*data)[5], 1);
  EXPECT_EQ(inputs_of(*data)[4], 0);
}

// By hand: rows of A + I sum to 3, 2, 2, 1 (and with weights 1 + 4 + 0.5, ...).
TEST_F(GraphTest, NormalisationIsSymmetric) {
  nodes(four_nodes);
  edges("from,to\na,b\na,c\n");
  const SparseRows rows = symmetric_normalised(load()->graph()->adjacency);
  EXPECT_EQ(rows.crow, (std::vector<int64_t>{0, 3, 5, 7, 8}));
  EXPECT_EQ(rows.col, (std::vector<int64_t>{0, 1, 2, 0, 1, 0, 2, 3}));
  const double root = std::sqrt(6.0);
  const double wanted[] = {1 / 3.0, 1 / root, 1 / root, 1 / root, 0.5, 1 / root, 0.5, 1};
  for (size_t i = 0; i < rows.values.size(); ++i) EXPECT_NEAR(rows.values[i], wanted[i], 1e-15);
  edges("from,to,weight\na,b,4\nc,a,0.5\nb,a,4.0\n");
  const SparseRows weighted = symmetric_normalised(load()->graph()->adjacency);
  EXPECT_NEAR(weighted.values[0], 1 / 5.5, 1e-15);
  EXPECT_NEAR(weighted.values[1], 4 / std::sqrt(5.5 * 5), 1e-15);
  EXPECT_NEAR(weighted.values[2], 0.5 / std::sqrt(5.5 * 1.5), 1e-15);
}

TEST_F(GraphTest, PartsAreNamedOrDealt) {
  nodes("id,kind,use\na,x,train\nb,y,train\nc,x,val\nd,y,\ne,,\nf,y,test\n");
  edges("from,to\na,b\n");
  const GraphSource named{.target = "kind", .part = "use"};
  constexpr int64_t none = no_target;
  EXPECT_EQ(targets_of(*load(named)), (std::vector<int64_t>{0, 1, none, none, none, none}));
  EXPECT_EQ(targets_of(*load(named, Split::validation)),
            (std::vector<int64_t>{none, none, 0, none, none, none}));
  EXPECT_EQ(targets_of(*load(named, Split::test)),
            (std::vector<int64_t>{none, none, none, none, none, 1}));
  GraphSource dealt{.target = "kind",
                    .schema = {.numbers = {}, .categories = {}, .dropped = {"use"}}};
  dealt.split.test = 0.4;
  int64_t counted = 0;
  const std::vector<int64_t> train = targets_of(*load(dealt)),
                             test = targets_of(*load(dealt, Split::test));
  for (size_t i = 0; i < train.size(); ++i) {
    EXPECT_TRUE(train[i] == none || test[i] == none);
    counted += (train[i] != none) + (test[i] != none);
  }
  EXPECT_EQ(counted, 5);  // those with a class
  EXPECT_EQ(train[4], none);
  EXPECT_EQ(test[4], none);
  EXPECT_EQ(load(dealt, Split::validation), nullptr);
}

TEST_F(GraphTest, ColumnsOfNodesAreFeatures) {
  nodes("id,age,town,kind\na,1,u,x\nb,3,v,y\nc,5,u,x\n");
  edges("from,to\na,b\n");
  const auto data = load();
  EXPECT_EQ(data->sample_shape(), (Shape{3, 3}));
  const std::vector<double> values = inputs_of(*data);
  EXPECT_NEAR(values[0], -std::sqrt(1.5), 1e-12);  // standardised over all nodes
  EXPECT_EQ(values[1], 1);
  EXPECT_EQ(values[2], 0);
  EXPECT_EQ(values[5], 1);
}

TEST_F(GraphTest, NamesWhatIsWrong) {
  const auto expect = [&](const std::string& list, const std::string& part) {
    edges(list);
    EXPECT_NE(refusal().find(part), std::string::npos) << refusal();
  };
  nodes(four_nodes);
  expect("from,to\na,b\na,e\n", "edges.csv:3] an edge of 'e', which is no node");
  expect("from,to\na,b\n-1,b\n", "edges.csv:3] an edge of '-1'");
  expect("from,to\na,99999999999999999999999\n", "edges.csv:2] an edge of '9999");
  expect("from,to\na,\n", "edges.csv:2] an edge of ''");
  expect("a,b\nc,d\n", "data.header=false");
  expect("from,to,weight\na,b,-1\n", "edges.csv:2] weight, expected a finite number of at least 0");
  expect("from,to,weight\na,b,inf\n", "edges.csv:2] weight");
  expect("from,to,weight\na,b,nan\n", "edges.csv:2] weight");
  expect("from,to,weight\na,b,1e308\na,c,1e308\n", "'a' have no finite sum");
  expect("from,to,weight\na,b,1\nb,a,2\n", "on line 2 it has 1");
  expect("from,to,weight,more\na,b,1,2\n", "source, target and possibly weight, got 4");
  expect("from\na\n", "got 1");
  expect("", "no rows");
  edges("from,to\n");  // no edges are legal
  EXPECT_EQ(load()->graph()->edges(), 0);
  edges("from,to\na,b\n");
  const auto expect_nodes = [&](const std::string& table, const std::string& part,
                                const GraphSource& source = {}) {
    nodes(table);
    EXPECT_NE(refusal(source).find(part), std::string::npos) << refusal(source);
  };
  expect_nodes("id,kind\na,x\nb,y\na,x\n", "nodes.csv:4] the node 'a' stands on line 2");
  expect_nodes("id,kind\na,x\n,y\n", "nodes.csv:3] the node has no name");
  expect_nodes("id,kind\na,x\nb,x\n", "expected at least 2 classes");
  expect_nodes("id,kind\na,x\n", "expected at least 2 classes");
  expect_nodes("id\na\n", "expected a column of names and one of classes");
  expect_nodes(four_nodes, "no column 'sort'", {.target = "sort"});
  expect_nodes(four_nodes, "is the column of names", {.target = "id"});
  expect_nodes(four_nodes, "is the column of parts", {.target = "kind", .part = "kind"});
  const GraphSource with_part{.target = "kind", .part = "use"};
  expect_nodes("id,kind,use\na,x,train\nb,y,later\n", "nodes.csv:3] 'use', expected train, val",
               with_part);
  expect_nodes("id,kind,use\na,x,train\nb,y,\nc,,test\n",
               "nodes.csv:4] a node for test has no class", with_part);
  expect_nodes("id,kind,use\na,x,val\nb,y,test\n", "no node is for training", with_part);
  GraphSource both = with_part;
  both.split.test = 0.5;
  expect_nodes("id,kind,use\na,x,train\nb,y,test\n", "expected no shares", both);
  std::string many = "id,kind\n";
  for (int64_t i = 0; i <= most_nodes_as_features; ++i)
    many += std::to_string(i) + (i % 2 == 0 ? ",x\n" : ",y\n");
  edges("from,to\n0,1\n");
  expect_nodes(many, "expected a column of features");
  std::filesystem::remove(folder_.path() + "/edges.csv");
  EXPECT_NE(refusal().find("no edges.csv or edges.tsv"), std::string::npos);
}

TEST_F(GraphTest, OtherModelsAndOtherDataAreRefused) {
  nodes(four_nodes);
  edges("from,to\na,b\n");
  const std::string path = "data.path=" + folder_.path();
  const auto message = [](const std::vector<std::string>& settings) -> std::string {
    try {
      const TrainingSession session(parse_recipe("", "test", settings));
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message({"data.format=graph", path, "model.name=gcn"}), "accepted");
  EXPECT_NE(message({"data.format=graph", path, "model.name=mlp"}).find("gcn takes it"),
            std::string::npos);
  EXPECT_NE(message({"data.format=csv", path + "/nodes.csv", "model.name=gcn", "batch=1"})
                .find("data.format=graph"),
            std::string::npos);
}

// The recipe on the club itself (78 edges, the president with 17 of them).
class KarateTest : public GraphTest {
 protected:
  KarateTest() {
    const testing::Outcome made =
        testing::run_shell("GRADUS_DATA_CACHE='" + folder_.path() + "' bash '" +
                           testing::source_path("scripts/data.sh") + "' karate 2>&1");
    EXPECT_EQ(made.code, 0) << made.output;
    path_ = folder_.path() + "/karate";
  }
  Recipe recipe(const std::vector<std::string>& settings) const {
    std::vector<std::string> all = {"data.path=" + path_};
    all.insert(all.end(), settings.begin(), settings.end());
    return load_recipe(testing::source_path("recipes/karate_gcn.toml"), all);
  }
  // Accuracy of the 32 others after training.
  double accuracy(const std::vector<std::string>& settings, const std::string& run) {
    const std::string place = folder_.path() + "/" + run;
    train(recipe(settings), place);
    return evaluate_run(place).accuracy;
  }

  std::string path_;
};

TEST_F(KarateTest, TheClubIsTheClub) {
  GraphSource source{.target = "side", .part = "part"};
  source.path = path_;
  const auto data = load_graph(source, Split::train);
  EXPECT_EQ(data->graph()->nodes(), 34);
  EXPECT_EQ(data->graph()->edges(), 78);
  EXPECT_EQ(data->graph()->degree(33), 17);
  EXPECT_EQ(data->graph()->degree(0), 16);
  EXPECT_EQ(data->graph()->repeated, 0);
}

TEST_F(KarateTest, TwoLabelsTellTheSidesOfTheOthers) {
  for (int seed = 1; seed <= 10; ++seed) {
    const std::string number = std::to_string(seed);
    EXPECT_GE(accuracy({"seed=" + number}, "run" + number), 0.93) << seed;
  }
}

// Without edges between nodes nothing is learnt about the others.
TEST_F(KarateTest, WithoutEdgesTheOthersAreGuessed) {
  std::string loops = "source,target\n";
  for (int i = 1; i <= 34; ++i) loops += fmt::format("{0},{0}\n", i);
  std::ofstream(path_ + "/edges.csv") << loops;
  double sum = 0;
  for (int seed = 1; seed <= 10; ++seed)
    sum += accuracy({"seed=" + std::to_string(seed)}, "alone" + std::to_string(seed)) / 10;
  EXPECT_GT(sum, 0.35);
  EXPECT_LT(sum, 0.65);
}

TEST_F(KarateTest, TheSameBitsForAnyThreadsAndAfterAStop) {
  const std::vector<std::string> settings = {"epochs=10", "model.dropout=0.3", "report=true"};
  const auto weights = [&](const std::string& run) {
    std::ifstream file(folder_.path() + "/" + run + "/final.safetensors", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  set_thread_count(1);
  accuracy(settings, "one");
  set_thread_count(2);
  accuracy(settings, "two");
  set_thread_count(1);
  EXPECT_EQ(weights("one"), weights("two"));
  const std::string place = folder_.path() + "/stopped";
  int64_t asked = 0;
  EXPECT_EQ(train(recipe(settings), place, {}, {.stop = [&] { return ++asked > 4; }}).end,
            TrainingEnd::stopped);
  EXPECT_EQ(train(recipe(settings), place).end, TrainingEnd::finished);
  EXPECT_EQ(weights("one"), weights("stopped"));
  EXPECT_FALSE(weights("one").empty());
}

// Nodes of other parts stand in neither score nor report.
TEST_F(KarateTest, ReportsCountTheNodesOfThePart) {
  train(recipe({}), folder_.path() + "/run");
  const Report report = report_run(folder_.path() + "/run", {.detailed = true});
  ASSERT_TRUE(report.classes);
  EXPECT_EQ(report.classes->confusion.total(), 32);
  EXPECT_EQ(report.class_names, (std::vector<std::string>{"instructor", "president"}));
  const double right = report.classes->top[0] * 32;
  EXPECT_NEAR(right, report.score.accuracy * 32, 1e-9);
  for (const auto& sample : report.top_losses) EXPECT_TRUE(sample.index != 0 && sample.index != 33);
}

}  // namespace
}  // namespace gradus
