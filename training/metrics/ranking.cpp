// SPDX-License-Identifier: Apache-2.0
#include "training/metrics/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

double share(int64_t part, int64_t whole) {
  return whole == 0 ? undefined : static_cast<double>(part) / static_cast<double>(whole);
}

std::vector<size_t> falling_order(std::span<const double> scores) {
  for (size_t i = 0; i < scores.size(); ++i)
    if (std::isnan(scores[i]))
      failf(ErrorKind::not_finite, "metrics", "the score of sample {} is NaN", i);
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

// In integers: twice the number of pairs that stand in the right order, so nothing is rounded.
double area(const Ranking& ranking) {
  if (ranking.positives == 0 || ranking.negatives == 0) return undefined;
  uint64_t twice = 0;
  int64_t hits = 0, falls = 0;
  for (const Ranking::Point& point : ranking.points) {
    twice += static_cast<uint64_t>(point.false_positives - falls) *
             static_cast<uint64_t>(point.true_positives + hits);
    hits = point.true_positives;
    falls = point.false_positives;
  }
  return static_cast<double>(twice) / 2 /
         (static_cast<double>(ranking.positives) * static_cast<double>(ranking.negatives));
}

double mean_precision(const Ranking& ranking) {
  if (ranking.positives == 0) return 0;
  double sum = 0;
  int64_t hits = 0;
  for (const Ranking::Point& point : ranking.points) {
    sum += static_cast<double>(point.true_positives - hits) * Ranking::precision(point);
    hits = point.true_positives;
  }
  return sum / static_cast<double>(ranking.positives);
}

}  // namespace

double Ranking::recall(const Point& point) const { return share(point.true_positives, positives); }
double Ranking::fall_out(const Point& point) const {
  return share(point.false_positives, negatives);
}
double Ranking::precision(const Point& point) {
  return share(point.true_positives, point.true_positives + point.false_positives);
}

Ranking rank(std::span<const double> scores, std::span<const uint8_t> positive) {
  GRADUS_CHECK(scores.size() == positive.size(),
               "[metrics] expected as many kinds as scores ({}), got {}", scores.size(),
               positive.size());
  // Areas are counted in 64 bits.
  GRADUS_CHECK(scores.size() < (size_t{1} << 32), "[metrics] too many samples: {}", scores.size());
  const std::vector<size_t> order = falling_order(scores);
  Ranking ranking;
  for (size_t i = 0; i < order.size(); ++i) {
    (positive[order[i]] ? ranking.positives : ranking.negatives) += 1;
    if (i + 1 == order.size() || scores[order[i + 1]] != scores[order[i]])
      ranking.points.push_back({scores[order[i]], ranking.positives, ranking.negatives});
  }
  ranking.roc_auc = area(ranking);
  ranking.average_precision = mean_precision(ranking);
  return ranking;
}

std::vector<Ranking::Point> corners(const Ranking& ranking) {
  std::vector<Ranking::Point> kept;
  const auto& points = ranking.points;
  for (size_t i = 0; i < points.size(); ++i) {
    const Ranking::Point before = kept.empty() ? Ranking::Point{0, 0, 0} : kept.back();
    const bool last = i + 1 == points.size();
    const int64_t rise = points[i].true_positives - before.true_positives;
    const int64_t run = points[i].false_positives - before.false_positives;
    if (!last && rise * (points[i + 1].false_positives - points[i].false_positives) ==
                     run * (points[i + 1].true_positives - points[i].true_positives))
      continue;
    kept.push_back(points[i]);
  }
  return kept;
}

}  // namespace gradus
