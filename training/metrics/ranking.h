// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

// How scores rank the samples of one kind (the positives) before all others.
struct Ranking {
  // What is found when everything with at least this score is called positive.
  struct Point {
    double threshold;
    int64_t true_positives, false_positives;
  };

  int64_t positives = 0, negatives = 0;
  std::vector<Point> points;  // one for each different score, from the highest
  // Area under the ROC curve: the probability that a positive has a higher score than a negative,
  // equal ones counted half. NaN without positives or without negatives.
  double roc_auc = 0;
  // Sum over the points of precision times the growth of recall (no interpolation); 0 without
  // positives.
  double average_precision = 0;

  double recall(const Point& point) const;    // = true positive rate; NaN without positives
  double fall_out(const Point& point) const;  // = false positive rate; NaN without negatives
  static double precision(const Point& point);
};

// `positive[i]` is 1 where sample i is of the kind, else 0. Counts are exact and equal scores are
// one point. Throws invalid_argument for spans of different lengths and not_finite for a score that
// is NaN.
Ranking rank(std::span<const double> scores, std::span<const uint8_t> positive);

// Without the points that lie on a straight line of the ROC curve between their neighbours.
std::vector<Ranking::Point> corners(const Ranking& ranking);

}  // namespace gradus
