// SPDX-License-Identifier: Apache-2.0
#include "training/metrics/confusion.h"

#include <cmath>
#include <limits>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

int64_t hits(const ConfusionMatrix& matrix) {
  int64_t sum = 0;
  for (int64_t c = 0; c < matrix.classes(); ++c) sum += matrix.count(c, c);
  return sum;
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(int64_t classes) : classes_(classes) {
  GRADUS_CHECK(classes >= 1 && classes <= (int64_t{1} << 15),
               "[metrics] classes, expected 1 to 32768, got {}", classes);
  counts_.resize(static_cast<size_t>(classes * classes));
  wanted_.resize(static_cast<size_t>(classes));
  predicted_.resize(static_cast<size_t>(classes));
}

void ConfusionMatrix::add(int64_t wanted, int64_t predicted) {
  for (const int64_t c : {wanted, predicted})
    GRADUS_CHECK(c >= 0 && c < classes_, "[metrics] class, expected 0 to {}, got {}", classes_ - 1,
                 c);
  ++counts_[static_cast<size_t>(wanted * classes_ + predicted)];
  ++wanted_[static_cast<size_t>(wanted)];
  ++predicted_[static_cast<size_t>(predicted)];
  ++total_;
}

ClassScore score_of_class(const ConfusionMatrix& matrix, int64_t c) {
  const int64_t hit = matrix.count(c, c);
  return {ratio(hit, matrix.predicted(c)), ratio(hit, matrix.support(c)),
          ratio(2 * hit, matrix.predicted(c) + matrix.support(c))};
}

ClassScore averaged_score(const ConfusionMatrix& matrix, ClassAverage average) {
  if (average == ClassAverage::micro) {
    const double share = ratio(hits(matrix), matrix.total());
    return {share, share, share};
  }
  ClassScore sum;
  double weights = 0;
  for (int64_t c = 0; c < matrix.classes(); ++c) {
    const bool occurs = matrix.support(c) + matrix.predicted(c) > 0;
    const double weight = average == ClassAverage::weighted ? static_cast<double>(matrix.support(c))
                                                            : (occurs ? 1.0 : 0.0);
    const ClassScore score = score_of_class(matrix, c);
    sum.precision += weight * score.precision;
    sum.recall += weight * score.recall;
    sum.f1 += weight * score.f1;
    weights += weight;
  }
  if (weights == 0) return {};
  return {sum.precision / weights, sum.recall / weights, sum.f1 / weights};
}

double accuracy(const ConfusionMatrix& matrix) {
  return matrix.total() == 0 ? undefined : ratio(hits(matrix), matrix.total());
}

double balanced_accuracy(const ConfusionMatrix& matrix) {
  double sum = 0;
  int64_t wanted = 0;
  for (int64_t c = 0; c < matrix.classes(); ++c) {
    if (matrix.support(c) == 0) continue;
    sum += ratio(matrix.count(c, c), matrix.support(c));
    ++wanted;
  }
  return wanted == 0 ? undefined : sum / static_cast<double>(wanted);
}

double matthews_correlation(const ConfusionMatrix& matrix) {
  if (matrix.total() == 0) return undefined;
  const auto total = static_cast<double>(matrix.total());
  double both = 0, wanted = 0, predicted = 0;
  for (int64_t c = 0; c < matrix.classes(); ++c) {
    const auto w = static_cast<double>(matrix.support(c));
    const auto p = static_cast<double>(matrix.predicted(c));
    both += w * p;
    wanted += w * w;
    predicted += p * p;
  }
  const double covariance = static_cast<double>(hits(matrix)) * total - both;
  const double spread = (total * total - wanted) * (total * total - predicted);
  return spread == 0 ? 0 : covariance / std::sqrt(spread);
}

double cohens_kappa(const ConfusionMatrix& matrix) {
  if (matrix.total() == 0) return undefined;
  const auto total = static_cast<double>(matrix.total());
  double chance = 0;  // expected hits, times total
  for (int64_t c = 0; c < matrix.classes(); ++c)
    chance += static_cast<double>(matrix.support(c)) * static_cast<double>(matrix.predicted(c));
  const double misses = total - static_cast<double>(hits(matrix));
  const double expected = total - chance / total;
  return expected == 0 ? undefined : 1 - misses / expected;
}

}  // namespace gradus
