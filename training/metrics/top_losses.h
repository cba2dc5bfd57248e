// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus {

// The samples that a model does worst on. Bounded memory.
class TopLosses {
 public:
  static constexpr size_t most = 25;

  struct Sample {
    double loss = 0;
    int64_t index = 0;      // in the data set
    double wanted = 0;      // class or number
    double predicted = 0;   // class or number
    double confidence = 0;  // probability of the predicted class
  };

  void add(const Sample& sample);
  // The largest losses first; of equal ones the lower index.
  std::vector<Sample> sorted() const;

 private:
  std::vector<Sample> heap_;  // its front is the smallest
};

}  // namespace gradus
