// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include "data/dataset.h"

namespace gradus {

// Whether a model of any precision can be given the number; not NaN, nor what f32 makes infinite.
inline bool fits_f32(double number) {
  return std::abs(number) <= static_cast<double>(std::numeric_limits<float>::max());
}

// The inputs of a data set in memory: samples of one shape, normalised as they are handed out.
class InputRows {
 public:
  // `inputs` (samples, ...) of any number dtype. Throws bad_data for none and for values that
  // are NaN, infinite or too large for f32, invalid_argument for a normalisation that does not fit;
  // `name` begins the messages.
  InputRows(const std::string& name, Tensor inputs, const Normalisation& normalisation);

  int64_t size() const { return inputs_.shape()[0]; }
  Shape sample_shape() const;
  // Copies samples to the places `first`, `first` + 1, ... of `out` (f32 or f64).
  void fill(std::span<const int64_t> indices, int64_t first, Tensor& out) const;

 private:
  template <class From, class To>
  void copy(std::span<const int64_t> indices, To* out) const;

  Tensor inputs_;
  // A value of channel c becomes value * factor[c] - shift[c].
  std::vector<double> factor_, shift_;
};

// Copies that belong to samples are split into pieces of this many.
inline constexpr int64_t samples_a_chunk = 16;

}  // namespace gradus
