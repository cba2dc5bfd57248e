// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace gradus {

// Training counts in f32, and takes squares: of errors, and of gradients, which are sums of
// products with inputs. Values beyond this, coded as a model gets them, have squares that f32
// cannot hold: the square root of its largest number.
inline constexpr double most_trainable = 0x1p64;

// Finds the columns and channels of inputs, and the numbers to predict, that hold values beyond
// most_trainable.
class ValueRange {
 public:
  explicit ValueRange(const Dataset& data);

  // The inputs and targets of one sample. Tokens and classes are none that could be too large.
  void add(int64_t sample, std::span<const double> inputs, std::span<const double> targets);
  // One for each column with such values: its name, the first one and how many there are.
  std::vector<std::string> faults() const;

 private:
  struct Column {
    std::string name;
    int64_t count = 0;    // of such values
    int64_t sample = -1;  // of the first one
    double value = 0;     // the first one
  };

  static void look(Column& column, int64_t sample, double value);

  bool numbers_in_ = false, numbers_out_ = false, graph_ = false;
  std::vector<Column> inputs_, targets_;
};

}  // namespace gradus
