// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "training/early_stopping.h"
#include "training/loss_scale.h"
#include "training/update_guard.h"

namespace gradus {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

// Losses 1, 3, 1, 3, ...: mean 2, deviation 1. Norms ten times as large.
UpdateGuard filled(UpdateGuard::Options options) {
  UpdateGuard guard(options);
  for (int64_t i = 0; i < options.window; ++i) {
    const double loss = i % 2 == 0 ? 1 : 3;
    guard.add(i + 1, loss, 10 * loss, false);
  }
  return guard;
}

TEST(UpdateGuard, LimitsAreMeanAndDeviationsOfTheWindow) {
  const UpdateGuard guard = filled({.deviations = 6, .window = 128});
  EXPECT_NEAR(guard.limits().loss, 2 + 6 * 1, 1e-12);
  EXPECT_NEAR(guard.limits().norm, 20 + 6 * 10, 1e-12);
}

TEST(UpdateGuard, BeforeAFullWindowAndWithoutDeviationsOnlyWhatIsNotFiniteIsOut) {
  UpdateGuard young({.deviations = 3, .window = 8});
  for (int i = 1; i < 8; ++i) young.add(i, 1, 1, false);
  EXPECT_GT(young.limits().loss, 1e38);
  young.add(8, 1, 1, false);
  EXPECT_LT(young.limits().loss, 1.1);
  const UpdateGuard plain = filled({.window = 8});
  for (const double limit : {plain.limits().loss, plain.limits().norm}) {
    EXPECT_GT(limit, 1e38);
    EXPECT_TRUE(std::isfinite(limit));
    EXPECT_FALSE(inf <= limit);
    EXPECT_FALSE(nan <= limit);
  }
}

// What was skipped, NaN or spike, does not enter the window.
TEST(UpdateGuard, IsNeverPoisoned) {
  UpdateGuard guard = filled({.deviations = 6, .window = 16, .most_skipped = 3});
  const UpdateGuard::Limits before = guard.limits();
  guard.add(17, nan, 5, true);
  guard.add(18, 1, inf, true);
  guard.add(19, 1e30, 1e30, true);
  EXPECT_EQ(guard.skipped(), 3);
  guard.add(20, 1, 10, false);  // in the place of the oldest, which is equal
  EXPECT_EQ(guard.limits().loss, before.loss);
  EXPECT_EQ(guard.limits().norm, before.norm);
}

TEST(UpdateGuard, ASpikeIsSkippedOnce) {
  UpdateGuard guard = filled({.deviations = 6, .window = 16});
  EXPECT_LT(guard.limits().loss, 50);
  guard.add(17, 50, 500, true);
  EXPECT_GT(guard.limits().loss, 1e38);  // the next one is made, whatever its size
  guard.add(18, 50, 500, false);
  EXPECT_GT(guard.limits().loss, 50);  // and counts
}

TEST(UpdateGuard, TooManySkippedInARowEndTheRun) {
  UpdateGuard guard = filled({.window = 4, .most_skipped = 2});
  for (int round = 0; round < 3; ++round) {
    guard.add(5, nan, 1, true);
    guard.add(6, nan, 1, true);
    guard.add(7, 1, 1, false);
  }
  guard.add(8, nan, 1, true);
  guard.add(9, nan, 1, true);
  try {
    guard.add(10, nan, 1, true);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_finite);
    EXPECT_NE(std::string(error.what()).find("the update of step 10 is number 3 in a row"),
              std::string::npos)
        << error.what();
  }
}

TEST(UpdateGuard, SurvivesARestart) {
  UpdateGuard one = filled({.deviations = 4, .window = 8}), other({.deviations = 4, .window = 8});
  one.add(9, nan, nan, true);
  other.restore(one.fields());
  EXPECT_EQ(other.skipped(), 1);
  for (UpdateGuard* guard : {&one, &other}) guard->add(10, 2.5, 20, false);
  EXPECT_EQ(one.limits().loss, other.limits().loss);
  EXPECT_EQ(one.limits().norm, other.limits().norm);
  ProgressFields broken = one.fields();
  broken["norms"].pop_back();
  EXPECT_THROW(other.restore(broken), Error);
  broken = one.fields();
  broken["losses"][0] = nan;
  EXPECT_THROW(other.restore(broken), Error);
}

TEST(LossScale, HalvesOnOverflowAndDoublesAfterItsInterval) {
  LossScale scale;
  EXPECT_EQ(scale.scale(), 65536);
  for (int i = 0; i < 1999; ++i) scale.add(false);
  EXPECT_EQ(scale.scale(), 65536);
  scale.add(false);
  EXPECT_EQ(scale.scale(), 131072);
  scale.add(true);
  EXPECT_EQ(scale.scale(), 65536);
  for (int i = 0; i < 1999; ++i) scale.add(false);
  scale.add(true);  // begins the count anew
  EXPECT_EQ(scale.scale(), 32768);
  LossScale again;
  for (int i = 0; i < 1999; ++i) scale.add(false);
  again.restore(scale.fields());
  again.add(false);
  EXPECT_EQ(again.scale(), 65536);
}

TEST(LossScale, StaysWhereF32HoldsIt) {
  LossScale scale;
  for (int i = 0; i < 300; ++i) scale.add(true);
  EXPECT_EQ(scale.scale(), 0x1p-126);
  EXPECT_THROW(scale.restore({{"scale", {0}}, {"clean", {0}}}), Error);
  EXPECT_THROW(scale.restore({{"scale", {1}}, {"clean", {0.5}}}), Error);
}

TEST(EarlyStopping, EndsAtTheBestPlusPatience) {
  EarlyStopping stopping({.patience = 3, .min_delta = 0.01});
  const double losses[] = {1.0, 0.8, nan, 0.795, 0.7, 0.7, 0.695, 0.9};
  const bool better[] = {true, true, false, false, true, false, false, false};
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(stopping.stops()) << i;
    EXPECT_EQ(stopping.add(10 * (i + 1), {.loss = losses[i]}), better[i]) << i;
    EarlyStopping again({.patience = 3, .min_delta = 0.01});
    again.restore(stopping.fields());
    stopping = again;
  }
  EXPECT_TRUE(stopping.stops());
  EXPECT_EQ(stopping.best_step(), 50);
  EXPECT_EQ(stopping.best(), 0.7);
}

TEST(EarlyStopping, OnAccuracyMoreIsBetterAndWithoutPatienceItNeverEnds) {
  EarlyStopping stopping({.on_accuracy = true});
  EXPECT_TRUE(stopping.add(1, {.loss = 1, .accuracy = 0.5}));
  EXPECT_FALSE(stopping.add(2, {.loss = 0.1, .accuracy = 0.5}));
  EXPECT_TRUE(stopping.add(3, {.loss = 9, .accuracy = 0.6}));
  for (int i = 4; i < 1000; ++i) stopping.add(i, {.accuracy = 0.1});
  EXPECT_FALSE(stopping.stops());
  EXPECT_EQ(stopping.best_step(), 3);
}

}  // namespace
}  // namespace gradus
