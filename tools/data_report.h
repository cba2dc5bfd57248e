// SPDX-License-Identifier: Apache-2.0
// What `gradus data` finds in a data set.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace gradus {

// A data set's samples one batch after another, in f64.
class SampleReader {
 public:
  explicit SampleReader(const Dataset& data, int64_t batch = 64);

  // Calls visit(sample, its input values, its targets) for each sample in order, of the first
  // `limit`. Throws what the data set throws.
  template <class Visit>
  void each(int64_t limit, Visit&& visit) {
    for (int64_t first = 0; first < std::min(limit, data_.size()); first += batch_) {
      const int64_t count = std::min(batch_, std::min(limit, data_.size()) - first);
      read(first, count);
      for (int64_t i = 0; i < count; ++i)
        visit(
            first + i, std::span<const double>(values_).subspan(at(i, width_), at(1, width_)),
            std::span<const double>(targets_).subspan(at(i, target_width_), at(1, target_width_)));
    }
  }

 private:
  static size_t at(int64_t i, int64_t width) { return static_cast<size_t>(i * width); }
  void read(int64_t first, int64_t count);

  const Dataset& data_;
  int64_t batch_, width_, target_width_;
  Tensor inputs_, target_tensor_;
  std::vector<int64_t> indices_;
  std::vector<double> values_, targets_;
};

// Over all samples, of one channel (images), one column (rows), or all tokens.
struct ValueStatistics {
  double count = 0, mean = 0, deviation = 0, least = 0, most = 0;
};
std::vector<ValueStatistics> statistics_of(const Dataset& data);

// How many samples each class has, of a graph how many nodes of its part; empty where samples have
// not one class each.
std::vector<int64_t> class_counts(const Dataset& data);

// Of packed documents: how many tokens their samples hold, each cut to the length of its bucket
// where there are any, and how many of those only fill samples up.
struct Padding {
  int64_t tokens = 0, padding = 0;

  double share() const { return static_cast<double>(padding) / static_cast<double>(tokens); }
};
std::optional<Padding> padding_of(const Dataset& data);

// What cannot be read, up to `limit` faults: sample after sample where data are read late; and
// columns with values beyond what training can count in (value_range.h).
std::vector<std::string> faults_of(const Dataset& data, size_t limit);

// One sample as text: an image in characters of rising darkness, tokens as the bytes they are, a
// row as its numbers.
std::string sample_text(const Dataset& data, std::span<const double> values,
                        std::span<const double> targets);

}  // namespace gradus
