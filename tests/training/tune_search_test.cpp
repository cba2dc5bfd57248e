// SPDX-License-Identifier: Apache-2.0
// Searches as functions: spaces, strategies, the Gaussian process, the median rule. Nothing trains.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numbers>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/io/safetensors.h"
#include "tests/support/program.h"
#include "training/tune/gaussian_process.h"
#include "training/tune/median_rule.h"
#include "training/tune/search.h"
#include "training/tune/space_reader.h"
#include "training/tune/unit_draws.h"

namespace gradus {
namespace {

Recipe base() { return parse_recipe("", "base"); }

SearchSpace space_of(const std::string& text) { return parse_search_space(text, "s.toml", base()); }

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

using Cost = std::function<double(const SearchPoint&)>;

// The trials that a strategy makes where each ends before the next.
std::vector<SearchTrial> searched(const Search& search, int64_t trials, const Cost& cost) {
  std::vector<SearchTrial> all;
  while (static_cast<int64_t>(all.size()) < trials) {
    const std::optional<SearchPoint> point = search.propose(all);
    if (!point) break;
    all.push_back({.point = *point, .ended = true, .cost = cost(*point)});
  }
  return all;
}

double least_cost(const std::vector<SearchTrial>& trials) {
  return std::ranges::min(trials, {}, &SearchTrial::cost).cost;
}

size_t different(const std::vector<SearchTrial>& trials) {
  std::set<SearchPoint> points;
  for (const SearchTrial& trial : trials) points.insert(trial.point);
  return points.size();
}

TEST(SearchSpaceText, WrongTextsSayWhereAndWhatWasMeant) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "s.toml:1:1: a space expects at least one key"},
      {"lrr = [1]", "s.toml:1:1: unknown key 'lrr', did you mean 'lr'?"},
      {"\n[optimiser]\nname = [\"sgd\"]",
       "s.toml:2:2: unknown key 'optimiser', did you mean 'optimizer'?"},
      {"lr = 0.1", "s.toml:1:6: 'lr' expected a list of choices or a range"},
      {"lr = []", "s.toml:1:6: 'lr' has an empty list"},
      {"lr = [0.1, \"a\"]", "s.toml:1:12: 'lr' expected float, got \"a\""},
      {"lr = [0.1, -1]", "s.toml:1:12: 'lr' expected at least 0"},
      {"lr = [0.1, 0.2, 0.1]", "s.toml:1:17: 'lr' has the choice 0.1 twice"},
      {"threads = [1, 2]", "s.toml:1:1: 'threads' cannot be searched"},
      {"lr = {min = 0.1}", "s.toml:1:1: the range of 'lr' has no max"},
      {"lr = {min = 0.1, max = 1, scal = \"log\"}", "not 'scal', did you mean 'scale'?"},
      {"lr = {min = 0.1, max = 1, scale = \"logg\"}",
       "expected \"linear\" or \"log\", got \"logg\""},
      {"lr = {min = 0, max = 1, scale = \"log\"}", "is logarithmic: expected min above 0"},
      {"lr = {min = 1, max = 1}", "expected min < max, got 1 and 1"},
      {"lr = {min = -1, max = 1}", "s.toml:1:13: 'lr' expected at least 0"},
      {"lr = {min = \"a\", max = 1}", "s.toml:1:13: min of 'lr' expected a number, got \"a\""},
      {"lr = {min = nan, max = 1}", "s.toml:1:13: 'lr' expected"},
      {"lr = {min = 0, max = inf}", "s.toml:1:22: 'lr' expected"},
      {"lr = {min = 0, max = 1, steps = 0}", "steps of 'lr' expected an integer from 1"},
      {"lr = {min = [0, 1], max = 1}", "'lr.min' expected one value, got a list"},
      {"lr = {min = 0, max = 1, min = 2}", "s.toml:1:"},
      {"batch = {min = 1, max = 8, type = \"float\"}", "is an integer, its range cannot be"},
      {"batch = {min = 1.5, max = 8}", "s.toml:1:16: 'batch' expected int"},
      {"lr = {min = 0.5, max = 8, type = \"int\"}", "is of integers: expected such ends, got 0.5"},
      {"[optimizer]\nname = {min = 1, max = 2}",
       "s.toml:2:1: 'optimizer.name' is string: expected a list"},
      {"[optimizer]\nname = [\"sdg\"]", "s.toml:2:9: 'optimizer.name' expected one of"},
      {"lr = [0.1\n", "s.toml:"}};
  for (const auto& [text, message] : cases) {
    const std::string got = refusal([text = text] { space_of(text); });
    EXPECT_NE(got.find(message), std::string::npos) << text << "\n" << got;
  }
}

TEST(SearchSpaceText, ChoicesAndRangesOfAllKinds) {
  const SearchSpace space = space_of(
      "batch = [16, \"full\"]\nlr = {min = 1e-3, max = 1e-1, scale = \"log\", steps = 3}\n"
      "[model]\nhidden = [[64], [128, 64], 32]\nnorm = [\"none\", \"batch\"]\n"
      "[data]\nstratify = [true, false]\nformat = [\"csv\"]\n");
  const auto settings = [&](const SearchPoint& point) { return space.settings(point); };
  EXPECT_EQ(settings({0, 0, 0, 0, 0, 0}),
            (std::vector<std::string>{"batch=16", "lr=0.001", "model.hidden=64", "model.norm=none",
                                      "data.stratify=true", "data.format=csv"}));
  EXPECT_EQ(
      settings({1, 0.5, 0.5, 1, 1, 0}),
      (std::vector<std::string>{"batch=full", "lr=0.01", "model.hidden=128,64", "model.norm=batch",
                                "data.stratify=false", "data.format=csv"}));
  const Recipe recipe = parse_recipe("", "r", settings({1, 0.5, 0.5, 1, 1, 0}));
  EXPECT_EQ(recipe.integer("batch"), full_batch);
  EXPECT_EQ(recipe.real("lr"), 0.01);
  EXPECT_EQ(recipe.integers("model.hidden"), (std::vector<int64_t>{128, 64}));
}

// A key that does not belong to what a trial has chosen is left out of it, and no two trials are
// the same then.
TEST(SearchSpaceText, KeysThatDoNotApplyAreLeftOut) {
  const SearchSpace space =
      space_of("[optimizer]\nname = [\"adam\", \"momentum\"]\nmomentum = [0.8, 0.9]\n");
  const std::vector<SearchPoint> grid = grid_points(space, 100);
  ASSERT_EQ(grid.size(), 3u);
  EXPECT_EQ(space.settings(grid[0]), std::vector<std::string>{"optimizer.name=adam"});
  EXPECT_EQ(space.settings(grid[2]),
            (std::vector<std::string>{"optimizer.name=momentum", "optimizer.momentum=0.9"}));
  const auto random = searched(*make_random_search(space, 1), 10, [](const auto&) { return 0; });
  EXPECT_EQ(random.size(), 3u);
  EXPECT_EQ(different(random), 3u);
}

TEST(GridSearch, TakesEachCombinationOnce) {
  const SearchSpace space = space_of(
      "lr = {min = 0.0, max = 1.0, steps = 5}\nbatch = {min = 3, max = 6}\n"
      "accumulate = {min = 1, max = 3, steps = 9}\nseed = [7]\n");
  const auto trials = searched(*make_grid_search(space), 1000, [](const auto&) { return 0; });
  ASSERT_EQ(trials.size(), 5u * 4 * 3 * 1);
  std::set<std::vector<std::string>> settings;
  for (const SearchTrial& trial : trials) settings.insert(space.settings(trial.point));
  EXPECT_EQ(settings.size(), trials.size());
  EXPECT_EQ(*settings.begin(),
            (std::vector<std::string>{"lr=0.0", "batch=3", "accumulate=1", "seed=7"}));
  EXPECT_NE(refusal([] {
              grid_points(space_of("lr = {min = 0, max = 1}"), 10);
            }).find("'lr' expected steps=N"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              grid_points(space_of("batch = {min = 1, max = 900}\nseed = [1, 2]"), 1000);
            }).find("the grid has 1800 combinations, expected at most 1000"),
            std::string::npos);
}

TEST(RandomSearch, IsAFunctionOfTheSeed) {
  const SearchSpace space =
      space_of("lr = {min = 1e-4, max = 1.0, scale = \"log\"}\nbatch = {min = 1, max = 4}\n");
  const auto points = [&](uint64_t seed) {
    std::vector<SearchPoint> all;
    for (const SearchTrial& trial :
         searched(*make_random_search(space, seed), 30, [](const auto&) { return 0; }))
      all.push_back(trial.point);
    return all;
  };
  EXPECT_EQ(points(1), points(1));
  EXPECT_NE(points(1), points(2));
}

// Kolmogorov and Smirnov's statistic below its 1 % bound, 1.63 / sqrt(n).
void expect_even(std::vector<double> shares) {
  std::ranges::sort(shares);
  const auto n = static_cast<double>(shares.size());
  double apart = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const auto before = static_cast<double>(i) / n, after = static_cast<double>(i + 1) / n;
    apart = std::max({apart, shares[i] - before, after - shares[i]});
  }
  EXPECT_LT(apart, 1.63 / std::sqrt(n));
}

TEST(RandomSearch, LogUniformDrawsPassAKolmogorovSmirnovTest) {
  const SearchSpace space =
      space_of("lr = {min = 1e-5, max = 10.0, scale = \"log\"}\nclip = {min = 2.0, max = 6.0}\n");
  std::vector<double> rates, clips;
  for (const SearchTrial& trial :
       searched(*make_random_search(space, 5), 400, [](const auto&) { return 0; })) {
    const Recipe recipe = parse_recipe("", "r", space.settings(trial.point));
    rates.push_back((std::log(recipe.real("lr")) - std::log(1e-5)) / std::log(1e6));
    clips.push_back((recipe.real("clip") - 2) / 4);
  }
  expect_even(rates);
  expect_even(clips);
  const SearchDimension& rate = space.dimensions()[0];
  std::vector<double> many;
  for (uint64_t i = 0; i < 20'000; ++i)
    many.push_back(std::log(*rate.value(rate.drawn(UnitDraws(9, "test", i).at(0))).as<double>()) /
                       std::log(1e6) +
                   5.0 / 6);
  expect_even(many);
}

TEST(RandomSearch, IntegersAndChoicesHaveEqualShares) {
  const SearchSpace space = space_of(
      "batch = {min = 3, max = 6}\nseed = {min = 1, max = 100, scale = \"log\"}\n"
      "[model]\nnorm = [\"none\", \"batch\", \"layer\"]\n");
  std::map<int64_t, int> batches;
  std::map<std::string, int> norms;
  int below_ten = 0;
  for (uint64_t i = 0; i < 12'000; ++i) {
    const UnitDraws draws(3, "test", i);
    const auto value = [&](size_t d) {
      return space.dimensions()[d].value(space.dimensions()[d].drawn(draws.at(d)));
    };
    ++batches[*value(0).as<int64_t>()];
    below_ten += *value(1).as<int64_t>() < 10 ? 1 : 0;
    ++norms[*value(2).as<std::string>()];
  }
  ASSERT_EQ(batches.size(), 4u);
  ASSERT_EQ(norms.size(), 3u);
  for (const auto& [batch, count] : batches) EXPECT_NEAR(count, 3000, 200) << batch;
  for (const auto& [norm, count] : norms) EXPECT_NEAR(count, 4000, 220) << norm;
  // From a half to 100.5; below ten: to 9.5.
  EXPECT_NEAR(below_ten, 12'000 * std::log(19.0) / std::log(201.0), 230);
}

// J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", 2012: where one of
// four matters, a grid of 3 values each tries only three of it.
TEST(RandomSearch, BeatsAGridWhereOneOfFourDimensionsMatters) {
  const std::string text =
      "lr = {min = 0, max = 1, type = \"float\", steps = 3}\nclip = {min = 0, max = 1, steps = 3}\n"
      "clip_value = {min = 0, max = 1, steps = 3}\n[optimizer]\nweight_decay = {min = 0, max = 1, "
      "steps = 3}\n";
  const SearchSpace space = space_of(text);
  int better = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const double best_at = UnitDraws(seed, "test", 0).at(0);
    const Cost cost = [&](const SearchPoint& p) { return std::abs(p[0] - best_at); };
    const auto grid = searched(*make_grid_search(space), 81, cost);
    const auto random = searched(*make_random_search(space, seed), 81, cost);
    ASSERT_EQ(grid.size(), 81u);
    better += least_cost(random) < least_cost(grid) ? 1 : 0;
  }
  EXPECT_GE(better, 8);
}

// Values of tests/suites/gaussian_process.py, by NumPy.
TEST(GaussianProcessCase, MeanAndVarianceMatchAReferenceSolve) {
  const SafetensorsFile file(testing::source_path("tests/vectors/gaussian_process.safetensors"));
  const auto rows = [&](const std::string& name) {
    const Tensor tensor = file.read(name);
    std::vector<std::vector<double>> all;
    for (int64_t r = 0; r < tensor.shape()[0]; ++r) {
      const double* begin = tensor.data_as<double>() + r * tensor.shape()[1];
      all.emplace_back(begin, begin + tensor.shape()[1]);
    }
    return all;
  };
  int cases = 0;
  for (const std::string kernel : {"matern52", "squared_exponential"})
    for (const std::string size : {"3", "12", "40"}) {
      const std::string name = kernel + "." + size + ".";
      const std::vector<double> facts = rows(name + "facts")[0];
      ProcessParameters parameters{.covariance = kernel == "matern52"
                                                     ? Covariance::matern52
                                                     : Covariance::squared_exponential,
                                   .lengths = rows(name + "lengths")[0],
                                   .signal = facts[0],
                                   .noise = facts[1],
                                   .mean = facts[2]};
      std::vector<bool> nominal(parameters.lengths.size(), false);
      nominal.back() = true;
      const GaussianProcess process(rows(name + "points"), rows(name + "values")[0], parameters,
                                    nominal);
      EXPECT_NEAR(process.log_likelihood(), facts[3], 1e-6 * std::abs(facts[3]) + 1e-6) << name;
      const auto queries = rows(name + "queries"), expected = rows(name + "expected");
      for (size_t q = 0; q < queries.size(); ++q, ++cases) {
        const GaussianProcess::Prediction got = process.predict(queries[q]);
        EXPECT_NEAR(got.mean, expected[q][0], 1e-6) << name << q;
        EXPECT_NEAR(got.variance, expected[q][1], 1e-6) << name << q;
      }
    }
  EXPECT_EQ(cases, 6 * 25);
}

TEST(GaussianProcessCase, ImpossibleArgumentsAreRefused) {
  EXPECT_THROW(GaussianProcess({}, {}, {}), Error);
  EXPECT_THROW(GaussianProcess({{0.0}}, {1, 2}, {.lengths = {1}}), Error);
  EXPECT_THROW(GaussianProcess({{0.0}}, {1}, {.lengths = {0}}), Error);
  EXPECT_THROW(GaussianProcess({{0.0}}, {std::nan("")}, {.lengths = {1}}), Error);
  EXPECT_THROW(GaussianProcess({{0.5}, {0.5}}, {1, 1}, {.lengths = {1}, .noise = 0}), Error);
}

// The one of two coordinates that matters gets the shorter length.
TEST(GaussianProcessCase, TheLikelihoodFindsWhatMatters) {
  std::vector<SearchPoint> points;
  std::vector<double> values;
  for (uint64_t i = 0; i < 20; ++i) {
    const UnitDraws draws(4, "test", i);
    points.push_back({draws.at(0), draws.at(1)});
    values.push_back(std::sin(7 * points.back()[0]));
  }
  const ProcessParameters found = fit_process(points, values);
  EXPECT_LT(4 * found.lengths[0], found.lengths[1]);
  EXPECT_LT(found.noise, 1e-3 * found.signal);
  const GaussianProcess process(points, values, found);
  EXPECT_NEAR(process.predict({0.5, 0.5}).mean, std::sin(3.5), 0.02);
}

// L. C. W. Dixon and G. P. Szego, 1978; its three minima have this value.
constexpr double branin_minimum = 0.39788735772973816;
double branin(const SearchPoint& point) {
  const double x = 15 * point[0] - 5, y = 15 * point[1], pi = std::numbers::pi;
  const double bend = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
  return bend * bend + 10 * (1 - 1 / (8 * pi)) * std::cos(x) + 10;
}

class BayesSearchOnBranin : public ::testing::TestWithParam<int> {};

TEST_P(BayesSearchOnBranin, RegretIsSmallAfter30Trials) {
  const SearchSpace space = space_of("lr = {min = 0, max = 1}\nclip = {min = 0, max = 1}\n");
  const auto search = make_bayes_search(space, Acquisition::ei, static_cast<uint64_t>(GetParam()));
  const auto trials = searched(*search, 30, branin);
  EXPECT_EQ(trials.size(), 30u);
  EXPECT_EQ(different(trials), 30u);
  EXPECT_LE(least_cost(trials) - branin_minimum, 0.05);
}
INSTANTIATE_TEST_SUITE_P(Seeds, BayesSearchOnBranin, ::testing::Range(1, 11));

// A fit takes the best and the latest of many trials: here the best are the oldest.
TEST(BayesSearch, KnowsTheBestOfHundredsOfTrials) {
  const SearchSpace space = space_of("lr = {min = 0, max = 1}\nclip = {min = 0, max = 1}\n");
  std::vector<SearchTrial> trials = searched(*make_random_search(space, 3), 320, branin);
  std::ranges::stable_sort(trials, {}, &SearchTrial::cost);
  const auto point = make_bayes_search(space, Acquisition::ei, 1)->propose(trials);
  ASSERT_TRUE(point);
  EXPECT_LT(branin(*point), trials[0].cost + 0.5);
  trials.push_back({.point = *point});
  EXPECT_EQ(different(trials), 321u);
}

TEST(BayesSearch, NeverProposesTwiceAndEndsWithTheSpace) {
  const SearchSpace space =
      space_of("batch = {min = 1, max = 5}\n[model]\nnorm = [\"none\", \"batch\", \"layer\"]\n");
  for (const Acquisition acquisition : {Acquisition::ei, Acquisition::ucb}) {
    // Costs that are all the same, that failed, and that are beyond all bounds.
    int calls = 0;
    const auto trials = searched(*make_bayes_search(space, acquisition, 2), 100, [&](const auto&) {
      const double costs[] = {1.0, std::nan(""), 1e300, 1.0, HUGE_VAL};
      return costs[calls++ % 5];
    });
    EXPECT_EQ(trials.size(), 15u);
    EXPECT_EQ(different(trials), 15u);
  }
}

// Trials that run elsewhere are known: the next one goes to another place.
TEST(BayesSearch, GoesByTrialsThatStillRun) {
  const SearchSpace space = space_of("lr = {min = 0, max = 1}\nclip = {min = 0, max = 1}\n");
  const auto search = make_bayes_search(space, Acquisition::ucb, 1);
  std::vector<SearchTrial> trials = searched(*search, 12, branin);
  for (int i = 0; i < 4; ++i) trials.push_back({.point = *search->propose(trials)});
  for (size_t a = 12; a < trials.size(); ++a)
    for (size_t b = 12; b < a; ++b)
      EXPECT_GT(std::hypot(trials[a].point[0] - trials[b].point[0],
                           trials[a].point[1] - trials[b].point[1]),
                1e-3);
}

TEST(BayesSearch, ALaterTrialOfOneChoiceIsTheBetterOne) {
  const SearchSpace space =
      space_of("lr = {min = 0, max = 1}\n[model]\nnorm = [\"none\", \"batch\", \"layer\"]\n");
  const auto trials =
      searched(*make_bayes_search(space, Acquisition::ei, 1), 25,
               [](const auto& p) { return std::pow(p[0] - 0.8, 2) + (p[1] == 0.5 ? 0.0 : 1.0); });
  const auto late = std::count_if(trials.begin() + 15, trials.end(),
                                  [](const SearchTrial& t) { return t.point[1] == 0.5; });
  EXPECT_GE(late, 6);
  EXPECT_LT(least_cost(trials), 1e-3);
}

TEST(MedianRule, StopsWhatIsWorseThanTheMedianOfTheOthers) {
  const SearchMetric loss, accuracy{"accuracy", true};
  const std::vector<std::vector<double>> others = {{0.5, 0.4}, {0.6, 0.3}, {0.7}, {0.8, 0.2}};
  EXPECT_TRUE(median_rule_stops(0.75, 1, others, loss));
  EXPECT_FALSE(median_rule_stops(0.7, 1, others, loss));
  EXPECT_FALSE(median_rule_stops(0.75, 1, others, accuracy));
  EXPECT_TRUE(median_rule_stops(0.55, 1, others, accuracy));
  EXPECT_TRUE(median_rule_stops(std::nan(""), 1, others, loss));
  EXPECT_FALSE(median_rule_stops(9, 2, others, loss));  // three others reached it
  EXPECT_FALSE(median_rule_stops(9, 3, others, loss));
}

}  // namespace
}  // namespace gradus
