// SPDX-License-Identifier: Apache-2.0
// The statistics of one channel of an f32 batch normalisation. For files named *_avx2.cpp and
// *_avx512.cpp only.
#pragma once

#if defined(__AVX2__)

#include <cmath>

#include "kernels/batch_norm.h"
#include "kernels/cpu/column_lanes.h"

namespace gradus::kernels {
namespace {

struct Moments {
  float mean, shift;  // mean + shift is the mean: see row_norm_lanes.h
  double variance;
};

// Statistics that go out, and the next running ones. Returns rstd.
inline float finish_channel(const BatchNormArgs& args, int64_t c, const Moments& m) {
  const float rstd = static_cast<float>(1 / std::sqrt(m.variance + args.eps));
  static_cast<float*>(args.mean)[c] = m.mean + m.shift;
  static_cast<float*>(args.rstd)[c] = rstd;
  if (!args.running_mean) return rstd;
  const double count = static_cast<double>(args.shape.count()), p = args.momentum;
  const float old_mean = static_cast<const float*>(args.running_mean)[c];
  const float old_variance = static_cast<const float*>(args.running_variance)[c];
  const double mean = static_cast<double>(m.mean) + static_cast<double>(m.shift);
  const double next_mean = (1 - p) * static_cast<double>(old_mean) + p * mean;
  const double next_variance =
      (1 - p) * static_cast<double>(old_variance) + p * m.variance * count / (count - 1);
  static_cast<float*>(args.next_mean)[c] = args.training ? static_cast<float>(next_mean) : old_mean;
  static_cast<float*>(args.next_variance)[c] =
      args.training ? static_cast<float>(next_variance) : old_variance;
  return rstd;
}

inline Moments running_moments(const BatchNormArgs& args, int64_t c) {
  if (!args.running_mean) return {0.f, 0.f, 0.0};
  return {static_cast<const float*>(args.running_mean)[c], 0.f,
          static_cast<double>(static_cast<const float*>(args.running_variance)[c])};
}

inline float value_or(const void* values, int64_t c, float otherwise) {
  return values ? static_cast<const float*>(values)[c] : otherwise;
}

// Of a channel whose values are a column, from column_moments().
inline Moments column_statistics(const BatchNormArgs& args, const float* parts,
                                 const ColumnChunks& chunks, int64_t c) {
  if (!args.training) return running_moments(args, c);
  const ColumnMoments merged = merged_moments(parts, chunks, c);
  const float mean = static_cast<float>(merged.mean);
  return {mean, static_cast<float>(merged.mean - static_cast<double>(mean)), merged.variance};
}

}  // namespace
}  // namespace gradus::kernels

#endif
