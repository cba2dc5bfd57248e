// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

// How samples are dealt to training, validation and test: by shares of all samples, or, with
// `folds` > 0, the validation part is fold `fold` of what the test part leaves.
struct SplitPlan {
  double validation = 0;  // shares, together below 1
  double test = 0;
  int64_t folds = 0;  // 0: none, else at least 2
  int64_t fold = 0;   // 0 .. folds - 1
  bool stratify = false;
  uint64_t seed = 0;
};

struct SplitParts {
  std::vector<int64_t> train, validation, test;
};

// Deals the samples 0 .. count-1: the parts are disjoint, together all, and depend on the plan, the
// count and, where stratified, the labels alone. Each is in rising order. A part has round(share *
// count) samples (fewer where classes are too small for that); folds differ by at most one. With
// `stratify` the share of each class in each part is within one sample of its share of all;
// `labels` has one class per sample. Throws invalid_argument for shares and folds out of range, or
// a training part without samples.
SplitParts split_samples(int64_t count, std::span<const int64_t> labels, const SplitPlan& plan);

}  // namespace gradus
