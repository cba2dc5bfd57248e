// SPDX-License-Identifier: Apache-2.0
#include "training/loss_scale.h"

#include <algorithm>
#include <limits>

#include "engine/base/error.h"

namespace gradus {
namespace {

// Beyond these f32 no longer holds the scale or its inverse as a normal number.
constexpr double largest = 0x1p126, smallest = 0x1p-126;

}  // namespace

void LossScale::add(bool overflowed) {
  if (overflowed) {
    scale_ = std::max(scale_ * options_.backoff, smallest);
    clean_ = 0;
    return;
  }
  if (++clean_ < options_.interval) return;
  scale_ = std::min(scale_ * options_.growth, largest);
  clean_ = 0;
}

ProgressFields LossScale::fields() const {
  return {{"scale", {scale_}}, {"clean", {static_cast<double>(clean_)}}};
}

void LossScale::restore(const ProgressFields& fields) {
  const double scale = progress_number(fields, "scale");
  if (scale < smallest || scale > largest)
    failf(ErrorKind::bad_data, "progress", "the field 'scale', expected {:g} to {:g}, got {}",
          smallest, largest, scale);
  scale_ = scale;
  clean_ = progress_count(fields, "clean");
}

}  // namespace gradus
