// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "training/progress_fields.h"

namespace gradus {

// The factor that keeps the gradients of f16 above its smallest numbers (Micikevicius et al. 2017):
// a gradient that is not finite halves it and its update is skipped; after 2,000 updates without
// one it doubles. Defaults are those of torch.amp.GradScaler.
class LossScale {
 public:
  struct Options {
    double first = 65536, growth = 2, backoff = 0.5;
    int64_t interval = 2000;
  };

  LossScale() : LossScale(Options()) {}
  explicit LossScale(const Options& options) : options_(options), scale_(options.first) {}

  double scale() const { return scale_; }
  // What the last step's gradients were: where they overflowed, its update was skipped.
  void add(bool overflowed);

  ProgressFields fields() const;
  // Throws bad_data also for a scale that is no positive number.
  void restore(const ProgressFields& fields);

 private:
  Options options_;
  double scale_;
  int64_t clean_ = 0;  // updates since the last overflow or growth
};

}  // namespace gradus
