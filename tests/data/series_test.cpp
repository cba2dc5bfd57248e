// SPDX-License-Identifier: Apache-2.0
#include "data/series.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

struct Filled {
  std::vector<double> inputs, targets;
};

Filled all_of(const Dataset& data) {
  std::vector<int64_t> indices(static_cast<size_t>(data.size()));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  Shape input = data.sample_shape(), target = data.target_shape();
  input.insert(0, data.size());
  target.insert(0, data.size());
  Tensor inputs(DType::f64, input), targets(DType::f64, target);
  data.fill(indices, 0, inputs, targets);
  return {inputs.to_doubles(), targets.to_doubles()};
}

class SeriesTest : public testing::Test {
 protected:
  std::string write(const std::string& text) const {
    return folder_.write("s.csv", {text.begin(), text.end()});
  }
  // Row r holds r and r squared.
  std::string squares(int rows) const {
    std::string text = "month,r,square\n";
    for (int r = 0; r < rows; ++r) text += fmt::format("{:04}-01-01,{},{}\n", 1900 + r, r, r * r);
    return write(text);
  }
  SeriesSource plain(const std::string& path) const {
    SeriesSource source;
    source.path = path;
    source.history = 3;
    source.horizon = 2;
    source.scaling = source.target_scaling = Scaling::none;
    return source;
  }
  std::string refusal(const SeriesSource& source, Split split = Split::train) const {
    try {
      load_series(source, split);
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return "";
  }

  TemporaryFolder folder_;
};

TEST_F(SeriesTest, AWindowIsThePastOfEveryColumnAndTheNextRowsOfTheTarget) {
  const auto data = load_series(plain(squares(7)), Split::train);
  EXPECT_EQ(data->size(), 3);
  EXPECT_EQ(data->sample_shape(), Shape{6});
  EXPECT_EQ(data->target_shape(), Shape{2});
  const Filled filled = all_of(*data);
  EXPECT_EQ(filled.inputs, (std::vector<double>{0, 1, 2, 0, 1, 4,  //
                                                1, 2, 3, 1, 4, 9,  //
                                                2, 3, 4, 4, 9, 16}));
  EXPECT_EQ(filled.targets, (std::vector<double>{9, 16, 16, 25, 25, 36}));
}

TEST_F(SeriesTest, RelativeValuesAreChangesSinceTheLastOneSeen) {
  SeriesSource source = plain(squares(6));
  source.relative = true;
  const Filled filled = all_of(*load_series(source, Split::train));
  EXPECT_EQ(filled.inputs, (std::vector<double>{-2, -1, 0, -4, -3, 0,  //
                                                -2, -1, 0, -8, -5, 0}));
  EXPECT_EQ(filled.targets, (std::vector<double>{5, 12, 7, 16}));
}

TEST_F(SeriesTest, PartsFollowEachOtherAndShareNoTarget) {
  for (const int64_t horizon : {1, 2, 5}) {
    SeriesSource source = plain(squares(60));
    source.horizon = horizon;
    source.targets = {"r"};
    source.validation = 0.2;
    source.test = 0.25;
    double last = -1;
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      const auto data = load_series(source, split);
      const std::vector<double> targets = all_of(*data).targets;
      const auto [least, most] = std::ranges::minmax(targets);
      EXPECT_GT(least, last) << horizon;
      last = most;
    }
    EXPECT_EQ(last, 59);
  }
}

TEST_F(SeriesTest, ScalesKnowNothingOfLaterRows) {
  for (const bool relative : {false, true})
    for (const Scaling scaling : {Scaling::standard, Scaling::minmax, Scaling::robust}) {
      SeriesSource source = plain("");
      source.relative = relative;
      source.scaling = source.target_scaling = scaling;
      source.test = 0.5;
      // The training rows are the same; what comes after them is not.
      std::vector<Filled> seen;
      for (const double after : {1.0, 1e6}) {
        std::string text = "value\n";
        for (int r = 0; r < 40; ++r) text += fmt::format("{}\n", r < 22 ? std::sin(r) : after * r);
        source.path = write(text);
        seen.push_back(all_of(*load_series(source, Split::train)));
      }
      EXPECT_EQ(seen[0].inputs, seen[1].inputs);
      EXPECT_EQ(seen[0].targets, seen[1].targets);
    }
}

TEST_F(SeriesTest, StandardScalesHaveMeanZeroAndDeviationOneInTraining) {
  SeriesSource source = plain(squares(50));
  source.relative = true;
  source.scaling = source.target_scaling = Scaling::standard;
  const auto data = load_series(source, Split::train);
  const std::vector<double> targets = all_of(*data).targets;
  double sum = 0, squared = 0;
  for (const double value : targets) sum += value, squared += value * value;
  const auto count = static_cast<double>(targets.size());
  EXPECT_NEAR(sum / count, 0, 1e-12);
  EXPECT_NEAR(squared / count, 1, 1e-12);
  EXPECT_EQ(data->target_units().size(), 2U);
  EXPECT_GT(data->target_units()[0], 1);
}

TEST_F(SeriesTest, RefusesWhatIsNoSeries) {
  EXPECT_NE(refusal(plain(squares(4))).find("data.history + data.horizon = 5 rows, got 4"),
            std::string::npos);
  EXPECT_NE(refusal(plain(write("a,b\n1,x\n2,y\n"))).find("column 'b' is text"), std::string::npos);
  EXPECT_NE(refusal(plain(write("a,b\n1,2\n,3\n4,5\n"))).find("s.csv:3"), std::string::npos);
  EXPECT_NE(refusal(plain(write("day\n2000-01-01\n2000-01-02\n"))).find("column of numbers"),
            std::string::npos);
  SeriesSource source = plain(squares(30));
  source.targets = {"squre"};
  EXPECT_NE(refusal(source).find("square"), std::string::npos);
  source.targets = {"month"};
  EXPECT_NE(refusal(source).find("holds dates"), std::string::npos);
  source.targets = {};
  EXPECT_NE(refusal(source, Split::test).find("no test part"), std::string::npos);
  source.test = 0.02;  // one window, whose first target belongs to training
  EXPECT_NE(refusal(source).find("left for the test part"), std::string::npos);
  source.test = 1;
  EXPECT_NE(refusal(source).find("below 1"), std::string::npos);
  source.test = 0;
  source.history = 0;
  EXPECT_NE(refusal(source).find("data.history"), std::string::npos);
}

TEST_F(SeriesTest, WithoutAValidationPartThereIsNone) {
  EXPECT_EQ(load_series(plain(squares(30)), Split::validation), nullptr);
}

}  // namespace
}  // namespace gradus
