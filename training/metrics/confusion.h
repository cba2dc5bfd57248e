// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus {

// How often class `wanted` was called class `predicted`.
class ConfusionMatrix {
 public:
  // Throws for fewer than 1 class.
  explicit ConfusionMatrix(int64_t classes);

  // Throws for a class outside of [0, classes).
  void add(int64_t wanted, int64_t predicted);

  int64_t classes() const { return classes_; }
  int64_t total() const { return total_; }
  int64_t count(int64_t wanted, int64_t predicted) const {
    return counts_[static_cast<size_t>(wanted * classes_ + predicted)];
  }
  int64_t support(int64_t c) const { return wanted_[static_cast<size_t>(c)]; }
  int64_t predicted(int64_t c) const { return predicted_[static_cast<size_t>(c)]; }

 private:
  int64_t classes_, total_ = 0;
  std::vector<int64_t> counts_;              // (wanted, predicted)
  std::vector<int64_t> wanted_, predicted_;  // sums of rows and of columns
};

// Precision: of what was called so, how much was right. Recall: of what was to be called so, how
// much was. F1: their harmonic mean, 2 TP / (2 TP + FP + FN). What would be 0 / 0 is 0.
struct ClassScore {
  double precision = 0, recall = 0, f1 = 0;
};
ClassScore score_of_class(const ConfusionMatrix& matrix, int64_t c);

// Means over the classes that occur, as wanted or predicted (macro); over classes, each by its
// support (weighted); and from the sums of all classes' counts (micro), where each of the three is
// the accuracy. As scikit-learn's precision_recall_fscore_support.
enum class ClassAverage { macro, micro, weighted };
ClassScore averaged_score(const ConfusionMatrix& matrix, ClassAverage average);

// Of a matrix without entries each of these is NaN.
double accuracy(const ConfusionMatrix& matrix);
// The mean recall of the classes that were wanted.
double balanced_accuracy(const ConfusionMatrix& matrix);
// Gorodkin's R_K (2004), of two classes Matthews' coefficient: -1 to 1; 0 where one side is
// constant.
double matthews_correlation(const ConfusionMatrix& matrix);
// Cohen (1960): agreement beyond chance; NaN where chance agrees always.
double cohens_kappa(const ConfusionMatrix& matrix);

}  // namespace gradus
