// SPDX-License-Identifier: Apache-2.0
#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

// Disjoint and complete.
void expect_partition(const SplitParts& parts, int64_t count) {
  std::vector<int64_t> all;
  for (const auto* part : {&parts.train, &parts.validation, &parts.test})
    all.insert(all.end(), part->begin(), part->end());
  std::ranges::sort(all);
  std::vector<int64_t> expected(static_cast<size_t>(count));
  std::iota(expected.begin(), expected.end(), int64_t{0});
  EXPECT_EQ(all, expected);
}

std::vector<int64_t> some_labels(int64_t count, uint32_t seed) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t word = philox_word({seed, 1}, static_cast<uint64_t>(i)) % 100;
    labels.push_back(word < 70 ? 0 : word < 95 ? 1 : 2);
  }
  return labels;
}

std::map<int64_t, double> counts_of(const std::vector<int64_t>& samples,
                                    const std::vector<int64_t>& labels) {
  std::map<int64_t, double> counts;
  for (const int64_t sample : samples) counts[labels[static_cast<size_t>(sample)]] += 1;
  return counts;
}

TEST(Split, PartsAreDisjointCompleteAndOfTheSizesAsked) {
  for (const int64_t count : {2, 10, 101, 1000}) {
    const SplitParts parts = split_samples(count, {}, {.validation = 0.1, .test = 0.25, .seed = 3});
    expect_partition(parts, count);
    EXPECT_EQ(parts.test.size(), std::llround(0.25 * static_cast<double>(count)));
    EXPECT_EQ(parts.validation.size(), std::llround(0.1 * static_cast<double>(count)));
  }
}

TEST(Split, DependsOnTheSeedAlone) {
  const SplitPlan plan = {.validation = 0.2, .test = 0.2, .seed = 3};
  EXPECT_EQ(split_samples(100, {}, plan).test, split_samples(100, {}, plan).test);
  SplitPlan other = plan;
  other.seed = 4;
  EXPECT_NE(split_samples(100, {}, plan).test, split_samples(100, {}, other).test);
}

TEST(Split, StratifiedSharesAreWithinOneSample) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const int64_t count = 20 + 7 * seed;
    const std::vector<int64_t> labels = some_labels(count, seed);
    const SplitPlan plan = {.validation = 0.15, .test = 0.3, .stratify = true, .seed = seed};
    const SplitParts parts = split_samples(count, labels, plan);
    expect_partition(parts, count);
    std::vector<int64_t> all(static_cast<size_t>(count));
    std::iota(all.begin(), all.end(), int64_t{0});
    auto validation = counts_of(parts.validation, labels), test = counts_of(parts.test, labels);
    for (const auto& [label, total] : counts_of(all, labels)) {
      EXPECT_LE(std::abs(validation[label] - 0.15 * total), 1) << seed;
      EXPECT_LE(std::abs(test[label] - 0.3 * total), 1) << seed;
    }
  }
}

TEST(Split, EverySampleValidatesInOneFold) {
  const std::vector<int64_t> labels = some_labels(103, 5);
  for (const bool stratify : {false, true}) {
    std::vector<int64_t> validated;
    std::vector<int64_t> test;
    for (int64_t fold = 0; fold < 5; ++fold) {
      const SplitParts parts = split_samples(
          103, labels, {.test = 0.1, .folds = 5, .fold = fold, .stratify = stratify, .seed = 1});
      expect_partition(parts, 103);
      EXPECT_TRUE(parts.validation.size() == 18 || parts.validation.size() == 19);
      validated.insert(validated.end(), parts.validation.begin(), parts.validation.end());
      if (fold == 0) test = parts.test;
      EXPECT_EQ(test, parts.test);  // stays apart from all folds
      if (!stratify) continue;
      for (const auto& [label, count] : counts_of(parts.validation, labels))
        EXPECT_NEAR(count, counts_of(parts.train, labels)[label] / 4, 1.3);
    }
    std::ranges::sort(validated);
    EXPECT_EQ(validated.size(), 93u);
    EXPECT_TRUE(std::ranges::adjacent_find(validated) == validated.end());
  }
}

TEST(Split, RefusesPlansThatCannotBe) {
  const auto refused = [](const SplitPlan& plan) {
    EXPECT_THROW(split_samples(10, {}, plan), Error);
  };
  refused({.validation = -0.1});
  refused({.validation = 0.5, .test = 0.5});
  refused({.validation = std::nan("")});
  refused({.folds = 1});
  refused({.folds = 3, .fold = 3});
  refused({.folds = 3, .fold = -1});
  refused({.validation = 0.1, .folds = 3});
  refused({.stratify = true});
  EXPECT_THROW(split_samples(1, {}, {.validation = 0.6}), Error);
}

}  // namespace
}  // namespace gradus
