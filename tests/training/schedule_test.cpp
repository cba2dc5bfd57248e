// SPDX-License-Identifier: Apache-2.0
#include "training/schedule.h"

#include <cmath>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/io/safetensors.h"
#include "tests/support/program.h"
#include "training/schedule_shapes.h"

namespace gradus {
namespace {

constexpr int64_t steps = 1000;

Schedule schedule_of(const std::string& settings, int64_t length = steps,
                     int64_t steps_per_epoch = 1) {
  std::vector<std::string> overrides = {"lr=0.05"};
  std::istringstream words(settings);
  for (std::string word; words >> word;)
    overrides.push_back(word.starts_with("lr=") ? word : "schedule." + word);
  return make_schedule(parse_recipe("", "r", overrides), length, steps_per_epoch);
}

std::string refusal(const std::string& settings) {
  try {
    schedule_of(settings);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

// Written by tests/suites/schedules.py.
const NamedTensors& torch_tables() {
  static const auto* tables = new NamedTensors(
      load_safetensors(testing::source_path("tests/vectors/schedules.safetensors")).tensors);
  return *tables;
}

TEST(Schedule, IsPyTorchsOverAThousandSteps) {
  int64_t compared = 0;
  for (const auto& [name, table] : torch_tables()) {
    if (!name.starts_with("name=") || name.starts_with("name=plateau")) continue;
    const Schedule schedule = schedule_of(name);
    const std::vector<double> expected = table.to_doubles();
    ASSERT_EQ(expected.size(), size_t{steps});
    for (int64_t step = 1; step <= steps; ++step)
      ASSERT_NEAR(schedule.at(step), expected[static_cast<size_t>(step - 1)], 1e-12)
          << name << " step " << step;
    ++compared;
  }
  EXPECT_EQ(compared, 17);
}

TEST(Schedule, PlateausArePyTorchsOverAThousandValidations) {
  const std::vector<double> scores = torch_tables().at("scores").to_doubles();
  int64_t compared = 0;
  for (const auto& [name, table] : torch_tables()) {
    if (!name.starts_with("name=plateau")) continue;
    Schedule schedule = schedule_of(name);
    EXPECT_TRUE(schedule.follows_validation());
    const std::vector<double> expected = table.to_doubles();
    for (size_t i = 0; i < scores.size(); ++i) {
      schedule.validated({.loss = scores[i], .accuracy = 3 - scores[i]});
      ASSERT_NEAR(schedule.at(1), expected[i], 1e-12) << name << " validation " << i;
    }
    EXPECT_LT(schedule.at(1), 0.05) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

// Progress at the 1st validation, none in the 4 that follow: the drop comes with the 4th of these.
TEST(Schedule, APlateauDropsAfterItsPatienceAndSurvivesARestart) {
  const std::string settings = "name=plateau patience=3 gamma=0.5 cooldown=1";
  Schedule schedule = schedule_of(settings);
  const std::vector<double> losses = {1.0, 1.0, 1.2, 0.99995, 1.0, 0.4, 1.0, 1.0, 1.0, 1.0, 1.0};
  const std::vector<double> rates = {0.05,  0.05,  0.05,  0.05,   0.025, 0.025,
                                     0.025, 0.025, 0.025, 0.0125, 0.0125};
  for (size_t i = 0; i < losses.size(); ++i) {
    schedule.validated({.loss = losses[i]});
    EXPECT_DOUBLE_EQ(schedule.at(1), rates[i]) << i;
    Schedule again = schedule_of(settings);
    again.restore(schedule.fields());
    schedule = again;
  }
  ProgressFields broken = schedule.fields();
  broken["bad"] = {-1};
  EXPECT_THROW(schedule.restore(broken), Error);
  broken["bad"] = {1, 2};
  EXPECT_THROW(schedule.restore(broken), Error);
  broken.erase("bad");
  EXPECT_THROW(schedule.restore(broken), Error);
}

TEST(Schedule, WarmsUpInAStraightLineBeforeAnyForm) {
  for (const char* form : {"constant", "step", "multi_step milestones=1000", "exponential",
                           "polynomial", "linear", "cosine", "cosine_restarts", "cyclic start=1",
                           "one_cycle start=1", "plateau", "wsd", "inverse_sqrt"}) {
    const Schedule schedule = schedule_of(std::string("name=") + form + " warmup=80");
    for (int64_t step = 1; step <= 80; ++step)
      EXPECT_NEAR(schedule.at(step), 0.05 * static_cast<double>(step) / 80, 1e-12) << form << step;
    EXPECT_NEAR(schedule.at(81), 0.05, 0.0006) << form;  // goes on from there
  }
}

TEST(Schedule, CosineHasItsFactors) {
  const Schedule schedule = schedule_of("name=cosine lr=1", 101);
  const double expected[] = {1, 0.853553, 0.5, 0.146447, 0};
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(schedule.at(1 + 25 * i), expected[i], 1e-6);
}

TEST(Schedule, WarmsUpAndFallsAlongACosine) {
  const Schedule schedule = schedule_of("name=cosine warmup=10 final=0.1 lr=2", 110);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(10), 2);
  EXPECT_NEAR(schedule.at(60), 0.5 * (2 + 0.2), 1e-12);  // half of the way
  EXPECT_NEAR(schedule.at(110), 0.2, 1e-12);
}

TEST(Schedule, ConstantStaysAfterItsWarmUp) {
  const Schedule schedule = schedule_of("name=constant warmup=2 lr=0.5", 9);
  EXPECT_EQ(schedule.at(1), 0.25);
  EXPECT_EQ(schedule.at(2), 0.5);
  EXPECT_EQ(schedule.at(9), 0.5);
}

// Epochs of 7 steps, counted from 0.
TEST(Schedule, ByEpochItMovesBetweenEpochs) {
  const Schedule schedule =
      schedule_of("name=multi_step by=epoch milestones=30,60 gamma=0.1 lr=0.1", 700, 7);
  EXPECT_NEAR(schedule.at(30 * 7), 0.1, 1e-15);  // the last step of epoch 29
  EXPECT_NEAR(schedule.at(30 * 7 + 1), 0.01, 1e-15);
  EXPECT_NEAR(schedule.at(60 * 7), 0.01, 1e-15);
  EXPECT_NEAR(schedule.at(60 * 7 + 1), 0.001, 1e-15);
  EXPECT_NEAR(schedule_of("name=cosine by=epoch", 700, 7).at(700), 0, 1e-15);
}

TEST(Schedule, ExponentialFallsByTheSameRatio) {
  const Schedule schedule = schedule_of("name=exponential gamma=0.98");
  for (int64_t t = 0; t < 999; ++t)
    EXPECT_NEAR(schedule.at(t + 1), 0.05 * std::pow(0.98, t), 1e-12);
}

TEST(Schedule, CyclesHitBothBoundsOncePerPeriod) {
  const Schedule schedule = schedule_of("name=cyclic period=20 down=30 start=0.2 lr=1");
  for (int64_t first = 1; first <= 950; first += 50) {
    int low = 0, high = 0;
    for (int64_t step = first; step < first + 50; ++step) {
      const double rate = schedule.at(step);
      EXPECT_TRUE(rate >= 0.2 && rate <= 1) << step;
      low += rate == 0.2;
      high += rate == 1;
    }
    EXPECT_EQ(low, 1);
    EXPECT_EQ(high, 1);
  }
}

TEST(Schedule, OneCycleHasOneMaximum) {
  const Schedule schedule = schedule_of("name=one_cycle rise=0.3 lr=1");
  EXPECT_NEAR(schedule.at(1), 0.04, 1e-12);
  EXPECT_EQ(schedule.at(300), 1);  // t = 0.3 * 1000 - 1
  EXPECT_NEAR(schedule.at(1000), 4e-6, 1e-12);
  for (int64_t step = 2; step <= 1000; ++step) {
    if (step <= 300)
      EXPECT_GT(schedule.at(step), schedule.at(step - 1));
    else
      EXPECT_LT(schedule.at(step), schedule.at(step - 1));
  }
}

TEST(Schedule, StaysThenDecays) {
  for (const char* shape : {"linear", "cosine", "sqrt"}) {
    const Schedule schedule =
        schedule_of(std::string("name=wsd decay=0.2 final=0.1 lr=1 shape=") + shape, 101);
    for (int64_t t = 0; t <= 80; ++t) EXPECT_EQ(schedule.at(t + 1), 1) << shape;
    for (int64_t t = 81; t <= 100; ++t) EXPECT_LT(schedule.at(t + 1), schedule.at(t)) << shape;
    EXPECT_NEAR(schedule.at(101), 0.1, 1e-12) << shape;
  }
  const auto middle = [](const char* shape) { return stable_decay_share(95, 100, 0.1, 0, shape); };
  EXPECT_NEAR(middle("linear"), 0.5, 1e-12);
  EXPECT_NEAR(middle("cosine"), 0.5, 1e-12);
  EXPECT_NEAR(middle("sqrt"), 1 - std::sqrt(0.5), 1e-12);
}

// Behind a warm-up of 100 steps the rate of step k is that of step 100 times sqrt(100 / k).
TEST(Schedule, FallsAsTheInverseRoot) {
  const Schedule schedule = schedule_of("name=inverse_sqrt warmup=100");
  for (int64_t step = 100; step <= steps; ++step)
    EXPECT_NEAR(schedule.at(step), 0.05 * std::sqrt(100.0 / static_cast<double>(step)), 1e-12);
  EXPECT_NEAR(schedule_of("name=inverse_sqrt timescale=9").at(28), 0.025, 1e-12);
}

TEST(Schedule, HoldsForEveryLengthOfRun) {
  for (const char* form :
       {"constant", "step", "exponential", "polynomial", "linear", "cosine",
        "cosine_restarts multiply=1024", "cyclic", "one_cycle", "one_cycle rise=0",
        "one_cycle rise=1", "one_cycle three_phase=true rise=0.5", "wsd decay=0", "wsd decay=1",
        "inverse_sqrt"})
    for (const char* warmup : {"", " warmup=1", " warmup=2", " warmup=50"})
      for (int64_t length : {1, 2, 3, 11}) {
        const Schedule schedule = schedule_of(std::string("name=") + form + warmup, length);
        for (int64_t step = 1; step <= length; ++step) {
          const double rate = schedule.at(step);
          EXPECT_TRUE(rate >= 0 && rate <= 0.05) << form << warmup << " step " << step << rate;
        }
      }
}

TEST(Schedule, RefusesWhatDoesNotFitTogether) {
  EXPECT_NE(refusal("name=multi_step").find("[schedule.milestones] expected at least one"),
            std::string::npos);
  EXPECT_NE(refusal("name=one_cycle shape=sqrt").find("'sqrt' belongs to wsd"), std::string::npos);
  EXPECT_NE(refusal("name=one_cycle three_phase=true rise=0.6").find("at most 0.5"),
            std::string::npos);
  EXPECT_NE(refusal("name=plateau gamma=1").find("expected below 1"), std::string::npos);
  EXPECT_NE(refusal("name=cosine gamma=0.5").find("'schedule.gamma' does not belong to"),
            std::string::npos);
  EXPECT_NE(refusal("name=cosin").find("did you mean 'cosine'?"), std::string::npos);
  EXPECT_NE(refusal("name=constant by=epoch").find("'schedule.by' does not belong"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus
