// SPDX-License-Identifier: Apache-2.0
// Searches that train: the store of trials, what becomes of them, stopping and going on.
#include <atomic>
#include <cmath>
#include <filesystem>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "tests/training/training_test.h"
#include "training/data_factory.h"
#include "training/run_folder.h"
#include "training/run_record.h"
#include "training/tune/json_line.h"
#include "training/tune/learning_curve.h"
#include "training/tune/space_reader.h"
#include "training/tune/tuner.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// What reading its number `a` throws.
std::string refusal_of(const std::string& line) {
  try {
    JsonLine(line, "f:7").number("a");
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error: " << line;
  return "";
}

TEST(JsonLineText, ReadsWhatItWrites) {
  const std::string odd = std::string("a\"b\\\n\t\x01\xff\xc3\xa9", 10);
  const std::vector<double> numbers = {1e-300, -2.5, std::nan("")};
  const std::string line =
      fmt::format(R"({{"t":{},"n":{},"l":{},"e":[],"s":{}}})", json_text(odd), json_number(0.1),
                  json_list(numbers), json_list(std::vector<std::string>{"x", ""}));
  const JsonLine read(line, "f:1");
  EXPECT_EQ(read.text("t"), "a\"b\\\n\t\x01\xef\xbf\xbd\xc3\xa9");
  EXPECT_EQ(read.number("n"), 0.1);
  EXPECT_EQ(read.numbers("l")[0], 1e-300);
  EXPECT_TRUE(std::isnan(read.numbers("l")[2]));
  EXPECT_TRUE(read.numbers("e").empty());
  EXPECT_EQ(read.texts("s"), (std::vector<std::string>{"x", ""}));
  EXPECT_EQ(JsonLine(R"({"a" : "\u00e9\ud83d\ude00" } )", "f:1").text("a"),
            "\xc3\xa9\xf0\x9f\x98\x80");
}

TEST(JsonLineText, RefusesWhatIsNone) {
  const std::string wrong[] = {"",
                               "{",
                               "{}x",
                               "[1]",
                               R"({"a":})",
                               R"({"a":inf})",
                               R"({"a":1,})",
                               R"({"a":1,"a":2})",
                               R"({"a":"b)",
                               R"({"a":"\x"})",
                               R"({"a":"\u12"})",
                               R"({"a":"\ud800"})",
                               R"({"a":{"b":1}})",
                               R"({"a":[1)",
                               R"({"a":1e999})",
                               "{\"a\":\"\xff\"}",
                               R"({"a" 1})",
                               R"({a:1})"};
  for (const std::string& line : wrong)
    EXPECT_NE(refusal_of(line).find("f:7"), std::string::npos) << line;
  const JsonLine line(R"({"a":1.5,"b":["x",1]})", "f:1");
  EXPECT_THROW(line.count("a"), Error);
  EXPECT_THROW(line.text("a"), Error);
  EXPECT_THROW(line.texts("b"), Error);
  EXPECT_THROW(line.number("c"), Error);
}

class SearchTest : public TrainingTest {
 protected:
  SearchPlan plan(const std::string& space, Strategy strategy = Strategy::grid) {
    const std::string text =
        "epochs = 2\nbatch = 20\nthreads = 1\n[model]\nhidden = [8]\n[data]\nclasses = 4\n"
        "validation_samples = 40\npath = \"" +
        folder_.path() + "\"\n";
    const Recipe base = parse_recipe(text, "r.toml");
    return {.recipe_name = "r.toml",
            .recipe_text = text,
            .overrides = {},
            .space = parse_search_space(space, "s.toml", base),
            .strategy = strategy};
  }

  std::string search_folder() const { return folder_.file("search"); }
  TrialStore store(const SearchPlan& plan) const {
    return {search_folder(), search_facts(plan), plan.space.base()};
  }
  std::vector<Trial> searched(const SearchPlan& plan) {
    TrialStore trials = store(plan);
    EXPECT_TRUE(run_search(plan, trials, {}, {}));
    return trials.read();
  }

  // The message of what a call throws.
  template <class Call>
  std::string message(Call&& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }
};

const std::string three_rates = "lr = [1e-4, 1e-2, 1e-3]\n";

TEST_F(SearchTest, RunsEveryCombinationOnceAndKnowsTheBest) {
  const SearchPlan wanted = plan(three_rates + "[optimizer]\nname = [\"adam\", \"sgd\"]\n");
  const std::vector<Trial> trials = searched(wanted);
  ASSERT_EQ(trials.size(), 6u);
  std::set<std::vector<std::string>> settings;
  for (const Trial& trial : trials) {
    settings.insert(trial.settings);
    EXPECT_EQ(trial.state, TrialState::finished);
    EXPECT_EQ(trial.steps, 20);
    ASSERT_EQ(trial.validations.size(), 2u);
    EXPECT_EQ(trial.value, trial.validations[1]);
  }
  EXPECT_EQ(settings.size(), 6u);
  const std::vector<Trial> order = ranked(trials, wanted.metric);
  EXPECT_EQ(order[0].settings, (std::vector<std::string>{"lr=0.01", "optimizer.name=adam"}));
  for (size_t i = 1; i < order.size(); ++i) EXPECT_LE(order[i - 1].value, order[i].value);

  // The same as train() gives for those settings, and nothing is left to do.
  const std::string again = folder_.file("again");
  train(wanted.recipe(order[0].settings), again);
  EXPECT_EQ(contents(run_path(again, run_file::weights)),
            contents(run_path(store(wanted).run_of(order[0].number), run_file::weights)));
  const std::string lines = contents(search_folder() + "/trials.jsonl");
  EXPECT_EQ(searched(wanted).size(), 6u);
  EXPECT_EQ(contents(search_folder() + "/trials.jsonl"), lines);
}

// Stopped or killed anywhere, and with half a line at the end, a search ends with the same bytes.
TEST_F(SearchTest, GoesOnWithoutRepeating) {
  const SearchPlan wanted = plan(three_rates);
  searched(wanted);
  const std::string expected = contents(search_folder() + "/trials.jsonl");
  for (const int64_t stop_after : {1, 20, 33, 59}) {
    fs::remove_all(search_folder());
    std::atomic<int64_t> steps = 0;
    int64_t begun = 0;
    const SearchObserver observer{
        .begun = [&](const Trial&) { ++begun; },
        .stepped = [&](const auto&, const auto&, const auto&) { ++steps; }};
    {
      TrialStore trials = store(wanted);
      EXPECT_FALSE(run_search(wanted, trials, observer, [&] { return steps >= stop_after; }));
    }
    std::ofstream(search_folder() + "/trials.jsonl", std::ios::app) << R"({"trial":2,"sta)";
    TrialStore trials = store(wanted);
    EXPECT_TRUE(run_search(wanted, trials, observer, {}));
    EXPECT_EQ(contents(search_folder() + "/trials.jsonl"), expected) << stop_after;
    EXPECT_EQ(steps, 60);
    EXPECT_LE(begun, 4);
  }
}

TEST_F(SearchTest, AFailedTrialIsNotedDownAndTheSearchGoesOn) {
  SearchPlan wanted =
      plan("lr = [1e38, 1e-3]\naccumulate = [1, 3]\n[optimizer]\nname = [\"sgd\"]\n");
  const std::vector<Trial> trials = searched(wanted);
  ASSERT_EQ(trials.size(), 4u);
  EXPECT_EQ(trials[0].state, TrialState::failed);
  EXPECT_NE(trials[0].message.find("step"), std::string::npos) << trials[0].message;
  EXPECT_EQ(trials[1].state, TrialState::failed);
  EXPECT_NE(trials[1].message.find("[accumulate] expected a divisor"), std::string::npos);
  EXPECT_EQ(trials[2].state, TrialState::finished);
  EXPECT_EQ(ranked(trials, wanted.metric)[0].number, 2);
  EXPECT_EQ(searched(wanted).size(), 4u);  // failed ones are not tried again
}

TEST_F(SearchTest, AnotherSearchIsRefused) {
  SearchPlan wanted = plan(three_rates, Strategy::random);
  wanted.trials = 1;
  searched(wanted);
  SearchPlan other = wanted;
  other.seed = 2;
  EXPECT_NE(message([&] { store(other); }).find("seed is 1 in the search and 2 in this command"),
            std::string::npos);
  EXPECT_NE(message([&] {
              store(plan("lr = [1e-4, 1e-2]\n", Strategy::random));
            }).find("space.lr is [0.0001, 0.01, 0.001] in the search and [0.0001, 0.01] in this"),
            std::string::npos);
  other = wanted;
  other.space = SearchSpace(wanted.space.dimensions(), wanted.recipe({"epochs=3"}));
  EXPECT_NE(message([&] { store(other); }).find("epochs is 2 in the run and 3 in this command"),
            std::string::npos);
  other = wanted;
  other.trials = 3;  // more of the same
  EXPECT_EQ(searched(other).size(), 3u);
  EXPECT_NE(message([&] {
              TrialStore(folder_.path(), {}, wanted.space.base());
            }).find("is not empty and not the folder of a search"),
            std::string::npos);
  EXPECT_NE(message([&] {
              TrialStore(folder_.write("file", {1}), {}, wanted.space.base());
            }).find("is not a folder"),
            std::string::npos);
}

TEST_F(SearchTest, LinesThatNoSearchWroteAreRefused) {
  SearchPlan wanted = plan(three_rates);
  for (const std::string line :
       {"nonsense", R"({"trial":1,"state":"begun","settings":[],"point":[0]})",
        R"({"trial":0,"state":"finished","value":1,"steps":1,"validations":[1],"message":""})",
        R"({"trial":0,"state":"sleeping"})"}) {
    const TrialStore trials = store(wanted);
    std::ofstream(search_folder() + "/trials.jsonl", std::ios::trunc) << line << '\n';
    EXPECT_NE(message([&] { trials.read(); }).find("trials.jsonl:1"), std::string::npos) << line;
  }
}

TEST_F(SearchTest, WhatEveryTrialWouldFailByIsFoundBefore) {
  const auto refused = [&](SearchPlan wanted) { return message([&] { check_search(wanted); }); };
  EXPECT_NE(
      refused(plan("[optimizer]\nname = [\"sgd\", \"adam\"]\n[data]\nvalidation_samples = [0]\n"))
          .find("this recipe has none: set data.validation=0.2"),
      std::string::npos);
  SearchPlan wanted = plan(three_rates);
  wanted.metric = parse_search_metric("validation.r2");
  EXPECT_NE(refused(wanted).find("has loss, accuracy, not 'r2'"), std::string::npos);
  EXPECT_NE(message([] { parse_search_metric("acuracy"); }).find("did you mean 'accuracy'?"),
            std::string::npos);
  wanted = plan(three_rates);
  wanted.overrides = {"lr=0.1"};
  EXPECT_NE(refused(wanted).find("the space says already what 'lr' is to be"), std::string::npos);
  // Of a key that one choice of another leaves without meaning in the recipe.
  wanted = plan("[optimizer]\nname = [\"momentum\", \"adam\"]\n");
  wanted.overrides = {"optimizer.momentum=0.5"};
  EXPECT_NE(refused(wanted).find("'optimizer.momentum' does not belong to optimizer.name = 'adam'"),
            std::string::npos);
}

// Two that claim at the same time never get the same trial, and nobody waits for the other's.
TEST_F(SearchTest, NoTwoProcessesHaveTheSameTrial) {
  SearchPlan wanted = plan("lr = {min = 0.0, max = 1.0}\n", Strategy::random);
  store(wanted);
  std::atomic<int64_t> claimed = 0;
  const auto work = [&] {
    TrialStore trials = store(wanted);
    for (;;) {
      const auto claim = trials.claim([&](const std::vector<Trial>& begun) -> std::optional<Trial> {
        if (begun.size() >= 30) return {};
        return Trial{.point = {static_cast<double>(begun.size()) / 30}};
      });
      if (!claim) return;
      ++claimed;
      Trial ended = claim->trial;
      ended.state = TrialState::finished;
      trials.end(ended);
    }
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  EXPECT_EQ(claimed, 30);
  EXPECT_EQ(store(wanted).read().size(), 30u);
}

TEST_F(SearchTest, TheMedianRuleEndsTrialsEarly) {
  SearchPlan wanted =
      plan("lr = [0.03, 0.02, 0.01, 0.005, 1e-6, 1e-7, 0.04]\n[optimizer]\nname = [\"adam\"]\n");
  wanted.overrides = {"epochs=4"};
  wanted.prune = true;
  const std::vector<Trial> trials = searched(wanted);
  ASSERT_EQ(trials.size(), 7u);
  for (const int64_t hopeless : {4, 5}) {
    const Trial& trial = trials[static_cast<size_t>(hopeless)];
    EXPECT_EQ(trial.state, TrialState::pruned);
    EXPECT_EQ(trial.validations.size(), 1u);
    EXPECT_GE(trial.steps, 10);
    EXPECT_LE(trial.steps, 11);
    EXPECT_EQ(look_at_run(store(wanted).run_of(hopeless)), RunState::unfinished);
  }
  for (const size_t first : {0, 1, 2, 3}) EXPECT_EQ(trials[first].state, TrialState::finished);
  EXPECT_EQ(ranked(trials, wanted.metric).back().state, TrialState::pruned);

  // The process that pruned trial 4 died before it said so.
  std::string lines = contents(search_folder() + "/trials.jsonl");
  const std::string expected = lines;
  lines.resize(lines.find(R"({"trial":4,"state":"pruned")"));
  std::ofstream(search_folder() + "/trials.jsonl", std::ios::trunc) << lines;
  searched(wanted);
  EXPECT_EQ(contents(search_folder() + "/trials.jsonl"), expected);
}

TEST_F(SearchTest, WithPatienceTheBestValidationCounts) {
  SearchPlan wanted = plan("lr = [0.5]\n[optimizer]\nname = [\"adam\"]\n");
  wanted.overrides = {"epochs=6", "stop.patience=5"};
  const std::vector<Trial> trials = searched(wanted);
  ASSERT_EQ(trials.size(), 1u);
  EXPECT_EQ(trials[0].value, std::ranges::min(trials[0].validations));
}

TEST_F(SearchTest, FewerTrainingSamplesAreTheFirstOfOneOrder) {
  const auto train_split = [&](const std::string& samples) {
    return load_training_data(recipe({"seed=3", "data.samples=" + samples})).train;
  };
  const auto inputs = [](const Dataset& data, int64_t count) {
    Tensor in(DType::f64, Shape{count, data.sample_shape().numel()}), out(DType::i64, Shape{count});
    std::vector<int64_t> indices(static_cast<size_t>(count));
    for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
    data.fill(indices, 0, in, out);
    return std::vector<double>(in.data_as<double>(), in.data_as<double>() + in.numel());
  };
  const auto few = train_split("20"), more = train_split("50"), all = train_split("0");
  EXPECT_EQ(few->size(), 20);
  EXPECT_EQ(all->size(), 240);
  EXPECT_EQ(train_split("240")->size(), 240);
  EXPECT_EQ(inputs(*few, 20), inputs(*more, 20));
  EXPECT_NE(inputs(*few, 20), inputs(*all, 20));
  EXPECT_NE(message([&] {
              train_split("241");
            }).find("[data.samples] expected at most the 240 training samples, got 241"),
            std::string::npos);
}

TEST_F(SearchTest, ALearningCurveTrainsEachSizeAndGoesOn) {
  const std::string file = folder_.file("r.toml");
  std::ofstream(file) << "epochs = 30\nbatch = 20\nlr = 0.01\n[model]\nhidden = [8]\n[data]\n"
                         "classes = 4\npath = \"" +
                             folder_.path() + "\"\n";
  const LearningCurvePlan wanted{.recipe = file,
                                 .overrides = {"threads=1"},
                                 .sizes = parse_sizes("8, 40,all"),
                                 .seeds = 2,
                                 .folder = folder_.file("curve")};
  int64_t asked = 0;
  EXPECT_FALSE(learning_curve(wanted, {}, [&] { return ++asked > 50; }));
  const auto curve = learning_curve(wanted, {}, {});
  ASSERT_TRUE(curve);
  EXPECT_EQ(curve->split, "test");
  ASSERT_EQ(curve->points.size(), 6u);
  EXPECT_EQ(curve->points[0].samples, 8);
  EXPECT_EQ(curve->points[0].steps, 30);  // of the batch that 8 samples fill
  EXPECT_EQ(curve->points[3].seed, 2);
  EXPECT_EQ(curve->points[5].samples, 240);
  EXPECT_EQ(curve->points[5].steps, 30 * 12);
  EXPECT_GT(curve->points[5].score.accuracy, 0.9);
  EXPECT_LT(curve->points[0].score.accuracy, curve->points[5].score.accuracy);
  for (const std::string wrong :
       {"", "0", "-3", "5,5", "all,all", "5x", "1e3", "99999999999999999999"})
    EXPECT_THROW(parse_sizes(wrong), Error) << wrong;
  LearningCurvePlan last = wanted;
  last.overrides.push_back("seed=9223372036854775807");
  EXPECT_NE(message([&] { learning_curve(last, {}, {}); }).find("go beyond the largest seed"),
            std::string::npos);
  LearningCurvePlan larger = wanted;
  larger.sizes = {241};
  EXPECT_NE(message([&] {
              learning_curve(larger, {}, {});
            }).find("241 is more than the 240 training samples"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus
