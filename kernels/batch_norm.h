// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

// x is (batch, channels, space); a channel's values are count = batch * space many.
struct BatchNormShape {
  int64_t batch, channels, space;
  int64_t count() const { return batch * space; }
};

// Of each channel, y = (x - mean) * rstd * weight + bias, where
//   training    mean and variance are the channel's own, rstd = 1 / sqrt(variance + eps); next_mean
//               = (1 - momentum) * running_mean + momentum * mean, next_variance likewise from the
//               unbiased variance (divisor count - 1); a channel without values has mean and
//               variance 0 and changes nothing
//   otherwise   mean = running_mean, rstd = 1 / sqrt(running_variance + eps); next = running
// Requires: dense, everything of `dtype` (f32 or f64), per-channel arrays of `channels`. weight and
// bias may be null (1 and 0); the running and next arrays all null when training. next_* may be
// running_*, y may be x.
struct BatchNormArgs {
  DType dtype;
  const void *x, *running_mean, *running_variance, *weight, *bias;
  void *y, *next_mean, *next_variance, *mean, *rstd;
  BatchNormShape shape;
  bool training;
  double momentum, eps;
  void* workspace;  // of the vector kernels
};

// Bytes of workspace that the vector kernels need, forward or backward.
int64_t batch_norm_workspace(const BatchNormShape& shape);

void batch_norm_cpu(const BatchNormArgs& args);
void batch_norm_avx2(const BatchNormArgs& args);  // f32, space 1 or at least 8
void batch_norm_avx512(const BatchNormArgs& args);

// With h = (x - mean) * rstd and averages over a channel:
//   dx = weight * rstd * (dy - average(dy) - h * average(dy * h))   (training; otherwise weight *
//   rstd * dy), dweight = sum(dy * h), dbias = sum(dy).
// Exactly this formula, whatever mean and rstd are. weight may be null (1).
struct BatchNormBackwardArgs {
  DType dtype;
  const void *dy, *x, *mean, *rstd, *weight;
  void *dx, *dweight, *dbias;
  BatchNormShape shape;
  bool training;
  void* workspace;  // of the vector kernels
};

void batch_norm_backward_cpu(const BatchNormBackwardArgs& args);
void batch_norm_backward_avx2(const BatchNormBackwardArgs& args);  // f32, space 1 or at least 8
void batch_norm_backward_avx512(const BatchNormBackwardArgs& args);

}  // namespace gradus::kernels
