// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

#include "training/progress_fields.h"

namespace gradus {

// Lowers a rate when a score stops getting better, as torch.optim.lr_scheduler.ReduceLROnPlateau.
class Plateau {
 public:
  struct Options {
    bool larger_is_better = false;
    double factor = 0.1;
    int64_t patience = 10;
    double threshold = 1e-4;
    bool relative = true;  // of the threshold
    int64_t cooldown = 0;
    double least = 0;  // the lowest rate
  };

  Plateau(double rate, const Options& options) : options_(options), rate_(rate) {}
  Plateau() = default;

  double rate() const { return rate_; }
  // One validation's score. A NaN is no progress.
  void add(double score);

  // What a checkpoint holds; `restore` throws bad_data for fields that are not such.
  ProgressFields fields() const;
  void restore(const ProgressFields& fields);

 private:
  bool is_better(double score) const;

  Options options_ = {};
  double rate_ = 0;
  bool any_ = false;  // whether there is a best
  double best_ = 0;
  int64_t bad_ = 0;   // validations since the best, or since the last drop
  int64_t wait_ = 0;  // validations left of the cooldown
};

}  // namespace gradus
