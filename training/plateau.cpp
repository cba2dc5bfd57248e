// SPDX-License-Identifier: Apache-2.0
#include "training/plateau.h"

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

// A drop of less is none, as in PyTorch.
constexpr double least_drop = 1e-8;

}  // namespace

bool Plateau::is_better(double score) const {
  if (!std::isfinite(score)) return false;
  if (!any_) return true;
  const double sign = options_.larger_is_better ? 1 : -1;
  if (!options_.relative) return sign * (score - best_) > options_.threshold;
  return sign * (score - best_ * (1 + sign * options_.threshold)) > 0;
}

void Plateau::add(double score) {
  if (is_better(score)) {
    any_ = true;
    best_ = score;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (wait_ > 0) {
    --wait_;
    bad_ = 0;
  }
  if (bad_ <= options_.patience) return;
  const double lower = std::max(rate_ * options_.factor, options_.least);
  if (rate_ - lower > least_drop) rate_ = lower;
  wait_ = options_.cooldown;
  bad_ = 0;
}

ProgressFields Plateau::fields() const {
  return {{"rate", {rate_}},
          {"any", {any_ ? 1.0 : 0.0}},
          {"best", {best_}},
          {"bad", {static_cast<double>(bad_)}},
          {"wait", {static_cast<double>(wait_)}}};
}

void Plateau::restore(const ProgressFields& fields) {
  rate_ = progress_number(fields, "rate");
  any_ = progress_count(fields, "any") != 0;
  best_ = progress_number(fields, "best");
  bad_ = progress_count(fields, "bad");
  wait_ = progress_count(fields, "wait");
}

}  // namespace gradus
