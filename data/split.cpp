// SPDX-License-Identifier: Apache-2.0
#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "data/sampler.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr uint64_t split_epoch = ~uint64_t{0};  // an order that no training epoch has

using Groups = std::vector<std::vector<int64_t>>;

void check_plan(int64_t count, std::span<const int64_t> labels, const SplitPlan& plan) {
  GRADUS_CHECK(
      plan.validation >= 0 && plan.test >= 0 && plan.validation + plan.test < 1,
      "[data] shares for validation and test, expected at least 0 and together below 1, got "
      "{} and {}",
      plan.validation, plan.test);
  GRADUS_CHECK(plan.folds == 0 || plan.folds >= 2, "[data.folds] expected 0 or at least 2, got {}",
               plan.folds);
  GRADUS_CHECK(plan.folds == 0 || (plan.fold >= 0 && plan.fold < plan.folds),
               "[data.fold] expected 0 to {}, got {}", plan.folds - 1, plan.fold);
  GRADUS_CHECK(plan.folds == 0 || plan.validation == 0,
               "[data] folds take the place of a validation share: expected one of the two");
  GRADUS_CHECK(!plan.stratify || static_cast<int64_t>(labels.size()) == count,
               "[data.stratify] expected a class for each of {} samples, got {}", count,
               labels.size());
}

// The samples in a random order, by class where that is asked for.
Groups groups_of(int64_t count, std::span<const int64_t> labels, const SplitPlan& plan) {
  std::vector<int64_t> order = shuffled_order(count, plan.seed, split_epoch);
  if (!plan.stratify) return {std::move(order)};
  std::map<int64_t, std::vector<int64_t>> by_class;
  for (int64_t sample : order) by_class[labels[static_cast<size_t>(sample)]].push_back(sample);
  Groups groups;
  for (auto& [label, samples] : by_class) groups.push_back(std::move(samples));
  return groups;
}

// Moves round(share * all) samples away from the ends of the groups. Each gives its share of the
// `sizes` it had at first, rounded down, or up where the fraction is largest.
std::vector<int64_t> take(Groups& groups, const std::vector<double>& sizes, double share) {
  std::vector<size_t> counts, by_fraction(groups.size());
  std::vector<double> fractions;
  for (const double size : sizes) {
    counts.push_back(static_cast<size_t>(share * size));
    fractions.push_back(share * size - std::floor(share * size));
  }
  std::iota(by_fraction.begin(), by_fraction.end(), size_t{0});
  std::ranges::stable_sort(by_fraction, std::greater<>(), [&](size_t i) { return fractions[i]; });
  int64_t left = std::llround(share * std::accumulate(sizes.begin(), sizes.end(), 0.0));
  for (const size_t count : counts) left -= static_cast<int64_t>(count);
  for (const size_t i : by_fraction)
    if (left > 0 && counts[i] < groups[i].size()) ++counts[i], --left;
  std::vector<int64_t> taken;
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto middle = groups[i].end() - static_cast<int64_t>(counts[i]);
    taken.insert(taken.end(), middle, groups[i].end());
    groups[i].erase(middle, groups[i].end());
  }
  return taken;
}

}  // namespace

SplitParts split_samples(int64_t count, std::span<const int64_t> labels, const SplitPlan& plan) {
  check_plan(count, labels, plan);
  Groups groups = groups_of(count, labels, plan);
  std::vector<double> sizes;
  for (const auto& group : groups) sizes.push_back(static_cast<double>(group.size()));
  SplitParts parts;
  parts.test = take(groups, sizes, plan.test);
  parts.validation = take(groups, sizes, plan.validation);
  // Dealt in turns over all groups, so that folds differ by one at most, of each class too.
  int64_t turn = 0;
  for (const auto& group : groups)
    for (int64_t sample : group)
      (plan.folds > 0 && turn++ % plan.folds == plan.fold ? parts.validation : parts.train)
          .push_back(sample);
  // In the order of the data: epochs have orders of their own.
  for (std::vector<int64_t>* part : {&parts.train, &parts.validation, &parts.test})
    std::ranges::sort(*part);
  GRADUS_CHECK(!parts.train.empty(), "[data] the split of {} samples leaves none for training",
               count);
  return parts;
}

}  // namespace gradus
