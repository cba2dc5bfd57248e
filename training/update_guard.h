// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "training/progress_fields.h"

namespace gradus {

// Decides which updates a run leaves out: those whose loss or gradient norm is not finite, and
// once, those that stand out from the last ones (a spike). What it judges by is never poisoned: the
// window holds losses and norms of updates that were made, so finite ones.
class UpdateGuard {
 public:
  struct Options {
    double deviations = 0;      // above the mean of the window that make a spike; 0: none is one
    int64_t window = 128;       // updates looked back upon; before as many there is no spike
    int64_t most_skipped = 10;  // in a row; one more ends the run
  };
  // The largest loss and norm with which the next update is made. Finite, so that infinity and NaN
  // lie outside.
  struct Limits {
    double loss, norm;
  };

  explicit UpdateGuard(const Options& options);

  Limits limits() const;
  // What the last step came to. Throws not_finite, naming the step, where it was one skipped update
  // too many.
  void add(int64_t step, double loss, double norm, bool skipped);

  int64_t skipped() const { return skipped_; }  // updates since the start of the run

  ProgressFields fields() const;
  void restore(const ProgressFields& fields);

 private:
  double limit_of(const std::vector<double>& window) const;

  Options options_;
  std::vector<double> losses_, norms_;  // of the last updates, oldest first
  int64_t skipped_ = 0, in_row_ = 0;
};

}  // namespace gradus
