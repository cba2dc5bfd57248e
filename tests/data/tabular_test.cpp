// SPDX-License-Identifier: Apache-2.0
#include "data/tabular.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

class TabularTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, {text.begin(), text.end()});
  }

  std::string refusal(const TabularSource& source, Split split = Split::train) {
    try {
      load_table(source, split);
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return "";
  }

  TemporaryFolder folder_;
};

struct Filled {
  std::vector<double> inputs, targets;
};

Filled all_of(const Dataset& data) {
  std::vector<int64_t> indices(static_cast<size_t>(data.size()));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  Shape input = data.sample_shape(), target = data.target_shape();
  input.insert(0, data.size());
  target.insert(0, data.size());
  Tensor inputs(DType::f64, input);
  Tensor targets(data.classes() > 0 ? DType::i64 : DType::f64, target);
  data.fill(indices, 0, inputs, targets);
  return {inputs.to_doubles(), targets.to_doubles()};
}

TabularSource plain(const std::string& path) {
  TabularSource source{.path = path};
  source.coding.scaling = Scaling::none;
  return source;
}

TEST_F(TabularTest, TextTargetsAreClasses) {
  const auto data =
      load_table(plain(write("t.csv", "x,y,kind\n1,2,b\n3,4,a\n5,6,b\n")), Split::train);
  EXPECT_EQ(data->classes(), 2);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(all_of(*data).targets, (std::vector<double>{1, 0, 1}));
  EXPECT_EQ(all_of(*data).inputs, (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

TEST_F(TabularTest, FewWholeNumbersAreClassesManyAreNot) {
  const auto few = load_table(plain(write("few.csv", "x,y\n1,7\n2,-1\n3,7\n")), Split::train);
  EXPECT_EQ(few->classes(), 2);
  EXPECT_EQ(all_of(*few).targets, (std::vector<double>{1, 0, 1}));
  std::string text = "x,y\n";
  for (int i = 0; i <= most_number_classes; ++i) text += fmt::format("0.5,{}\n", i);
  EXPECT_EQ(load_table(plain(write("many.csv", text)), Split::train)->classes(), 0);
  const std::string real = write("real.csv", "x,y\n1,0.5\n2,1.5\n");
  const auto numbers = load_table(plain(real), Split::train);
  EXPECT_EQ(numbers->classes(), 0);
  EXPECT_EQ(numbers->target_shape(), (Shape{1}));
  EXPECT_EQ(all_of(*numbers).targets, (std::vector<double>{0.5, 1.5}));
  TabularSource forced = plain(real);
  forced.task = Task::classification;
  EXPECT_EQ(load_table(forced, Split::train)->classes(), 2);
}

TEST_F(TabularTest, ColumnsAreChosenByName) {
  TabularSource source = plain(write("t.csv", "id,y2,x,y1\n9,1.5,2,3.5\n8,4.5,5,6.5\n"));
  source.targets = {"y1", "y2"};
  source.schema.dropped = {"id"};
  const auto data = load_table(source, Split::train);
  EXPECT_EQ(all_of(*data).inputs, (std::vector<double>{2, 5}));
  EXPECT_EQ(all_of(*data).targets, (std::vector<double>{3.5, 1.5, 6.5, 4.5}));
  source.targets = {"y3"};
  EXPECT_NE(refusal(source).find("no column 'y3'; there are: y2, x, y1"), std::string::npos);
  source.targets = {"y1", "y2", "x"};
  EXPECT_NE(refusal(source).find("at least one column"), std::string::npos);
}

TEST_F(TabularTest, CategoriesAreOneHotOrAnIndex) {
  TabularSource source = plain(write("t.csv", "c,y\nred,0.5\nblue,1.5\ngreen,2.5\n"));
  const auto data = load_table(source, Split::train);
  EXPECT_EQ(all_of(*data).inputs, (std::vector<double>{0, 0, 1, 1, 0, 0, 0, 1, 0}));
  source.coding.one_hot = false;
  EXPECT_EQ(all_of(*load_table(source, Split::train)).inputs, (std::vector<double>{2, 0, 1}));
}

TEST_F(TabularTest, ACategoryThatTrainingNeverHadIsZeroEverywhere) {
  write("train.csv", "c,y\nred,0.5\nblue,1.5\n");
  write("test.csv", "c,y\nblue,1.5\nwhite,2.5\n");
  const auto data = load_table(plain(folder_.path()), Split::test);
  EXPECT_EQ(all_of(*data).inputs, (std::vector<double>{1, 0, 0, 0}));
}

// Scales and means are of the training rows: the test part is coded by them.
TEST_F(TabularTest, ScalesAreFittedOnTrainingRows) {
  write("train.csv", "x,k,y\n1,5,0.5\n2,5,1.5\n3,5,2.5\n6,5,3.5\n");
  write("test.csv", "x,k,y\n13,6,10.5\n");
  TabularSource source{.path = folder_.path()};
  source.target_scaling = Scaling::standard;
  const Filled train = all_of(*load_table(source, Split::train));
  double sum = 0, squares = 0;
  for (size_t i = 0; i < 4; ++i)
    sum += train.inputs[2 * i], squares += train.inputs[2 * i] * train.inputs[2 * i];
  EXPECT_NEAR(sum, 0, 1e-12);
  EXPECT_NEAR(squares / 4, 1, 1e-12);
  const auto test = load_table(source, Split::test);
  EXPECT_NEAR(all_of(*test).inputs[0], 10 / std::sqrt(3.5), 1e-12);  // mean 3, variance 3.5
  EXPECT_NEAR(all_of(*test).inputs[1], 1, 1e-12);                    // constant in training
  EXPECT_NEAR(all_of(*test).targets[0], 8.5 / std::sqrt(1.25), 1e-12);
  EXPECT_NEAR(test->target_units()[0], std::sqrt(1.25), 1e-12);
  source.coding.scaling = Scaling::minmax;
  source.coding.low = -1;
  const Filled bounded = all_of(*load_table(source, Split::train));
  EXPECT_EQ(bounded.inputs[0], -1);
  EXPECT_EQ(bounded.inputs[6], 1);
  for (const double value : bounded.inputs) EXPECT_TRUE(std::isfinite(value));  // of `k` too
  EXPECT_NEAR(all_of(*load_table(source, Split::test)).inputs[0], 3.8, 1e-12);
  source.coding.scaling = Scaling::robust;  // quartiles 1.75 and 3.75, median 2.5
  EXPECT_NEAR(all_of(*load_table(source, Split::test)).inputs[0], 10.5 / 2, 1e-12);
}

TEST_F(TabularTest, ScalesCanBeUndone) {
  for (const Scaling scaling : {Scaling::standard, Scaling::minmax, Scaling::robust}) {
    const std::vector<double> values = {3, -1e6, 4.5, 1e6, 0.001};
    const ColumnScale scale = fit_scale(values, scaling, -1, 2);
    for (const double value : values) EXPECT_NEAR(scale.inverse(scale.apply(value)), value, 1e-9);
  }
  const std::vector<double> same(7, 0.1);
  EXPECT_EQ(fit_scale(same, Scaling::standard).width, 1);
}

TEST_F(TabularTest, MissingCellsFollowThePolicy) {
  TabularSource source = plain(write("t.csv", "x,c,y\n1,a,0.5\n,b,1.5\n4,,2.5\n4,a,3.5\n"));
  EXPECT_NE(refusal(source).find("t.csv:3] column 'x' is missing"), std::string::npos);
  source.coding.missing = MissingPolicy::mean;
  EXPECT_EQ(all_of(*load_table(source, Split::train)).inputs,
            (std::vector<double>{1, 1, 0, 0, 3, 0, 1, 0, 4, 0, 0, 1, 4, 1, 0, 0}));
  source.coding.missing = MissingPolicy::median;
  EXPECT_EQ(all_of(*load_table(source, Split::train)).inputs[4], 4);
  source.coding.missing = MissingPolicy::zero;
  EXPECT_EQ(all_of(*load_table(source, Split::train)).inputs[4], 0);
  source.coding.missing = MissingPolicy::drop;
  EXPECT_EQ(all_of(*load_table(source, Split::train)).targets, (std::vector<double>{0.5, 3.5}));
}

TEST_F(TabularTest, AMissingTargetIsAnErrorOrDropped) {
  TabularSource source = plain(write("t.csv", "x,y\n1,0.5\n2,\n3,1.5\n"));
  source.coding.missing = MissingPolicy::mean;
  EXPECT_NE(refusal(source).find("t.csv:3] the target 'y' is missing"), std::string::npos);
  source.coding.missing = MissingPolicy::drop;
  EXPECT_EQ(load_table(source, Split::train)->size(), 2);
}

TEST_F(TabularTest, SplitsAreDisjointAndStratified) {
  std::string text = "x,kind\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("{},{}\n", i, i % 10 == 0 ? "rare" : "common");
  TabularSource source = plain(write("t.csv", text));
  source.split = {.validation = 0.2, .test = 0.1, .stratify = true, .seed = 5};
  std::vector<double> all;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const Filled part = all_of(*load_table(source, split));
    all.insert(all.end(), part.inputs.begin(), part.inputs.end());
    EXPECT_EQ(std::accumulate(part.targets.begin(), part.targets.end(), 0.0) * 10,
              static_cast<double>(part.targets.size()));
  }
  std::ranges::sort(all);
  std::vector<double> expected(100);
  std::iota(expected.begin(), expected.end(), 0.0);
  EXPECT_EQ(all, expected);
}

TEST_F(TabularTest, WithoutATestPartTheValidationPartStandsForIt) {
  TabularSource source = plain(write("t.csv", "x,y\n1,0.5\n2,1.5\n3,2.5\n4,3.5\n"));
  EXPECT_EQ(load_table(source, Split::validation), nullptr);
  EXPECT_NE(refusal(source, Split::test).find("data.test is its share"), std::string::npos);
  source.split.validation = 0.25;
  EXPECT_EQ(all_of(*load_table(source, Split::test)).inputs,
            all_of(*load_table(source, Split::validation)).inputs);
}

TEST_F(TabularTest, SeveralTargetsOfZeroAndOneAreLabels) {
  TabularSource source = plain(write("t.csv", "x,a,b,c\n1,0,1,2\n2,1,1,3\n"));
  source.targets = {"a", "b"};
  source.target_scaling = Scaling::standard;
  const auto labels = load_table(source, Split::train);
  EXPECT_TRUE(labels->targets_are_labels());
  EXPECT_EQ(labels->target_names(), source.targets);
  EXPECT_EQ(all_of(*labels).targets, (std::vector<double>{0, 1, 1, 1}));
  source.task = Task::regression;
  EXPECT_FALSE(load_table(source, Split::train)->targets_are_labels());
  source.task = Task::automatic;
  source.targets = {"a", "c"};
  EXPECT_FALSE(load_table(source, Split::train)->targets_are_labels());
  source.targets = {"a"};
  EXPECT_EQ(load_table(source, Split::train)->classes(), 2);
  source.task = Task::binary;
  EXPECT_EQ(load_table(source, Split::train)->classes(), 2);
  source.targets = {"b"};
  EXPECT_NE(refusal(source).find("1 different values, expected 2"), std::string::npos);
}

TEST_F(TabularTest, RefusesTablesThatCannotBeLearned) {
  EXPECT_NE(refusal(plain(write("one.csv", "x,y\n1,a\n2,a\n"))).find("1 different values"),
            std::string::npos);
  EXPECT_NE(refusal(plain(write("column.csv", "x\n1\n"))).find("at least one column"),
            std::string::npos);
  EXPECT_NE(refusal(plain(folder_.file("nothing.csv"))).find("no such file"), std::string::npos);
  TabularSource source = plain(write("text.csv", "x,y\n1,a\n2,b\n"));
  source.task = Task::regression;
  EXPECT_NE(refusal(source).find("is text, expected numbers"), std::string::npos);
  std::string names = "name,y\n";
  for (int i = 0; i < 1200; ++i) names += fmt::format("n{},{}.5\n", i, i);
  EXPECT_NE(refusal(plain(write("names.csv", names))).find("1200 different texts"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus
