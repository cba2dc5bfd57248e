// SPDX-License-Identifier: Apache-2.0
#include "kernels/batch_norm.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/column_chunks.h"

namespace gradus::kernels {
namespace {

template <class T>
double at(const void* values, int64_t index) {
  return static_cast<double>(static_cast<const T*>(values)[index]);
}
template <class T>
void put(void* values, int64_t index, double value) {
  static_cast<T*>(values)[index] = static_cast<T>(value);
}

// Calls body(index) for every element of the channel.
template <class Body>
void for_channel(const BatchNormShape& shape, int64_t channel, Body&& body) {
  for (int64_t n = 0; n < shape.batch; ++n) {
    const int64_t start = (n * shape.channels + channel) * shape.space;
    for (int64_t i = start; i < start + shape.space; ++i) body(i);
  }
}

struct Moments {
  double mean, variance;
};

template <class T>
Moments channel_moments(const BatchNormArgs& args, int64_t c) {
  if (args.shape.count() == 0) return {0, 0};
  const double count = static_cast<double>(args.shape.count());
  double mean = 0, squares = 0;
  for_channel(args.shape, c, [&](int64_t i) { mean += at<T>(args.x, i); });
  mean /= count;
  for_channel(args.shape, c, [&](int64_t i) {
    const double d = at<T>(args.x, i) - mean;
    squares += d * d;
  });
  return {mean, squares / count};
}

template <class T>
void update_running(const BatchNormArgs& args, int64_t c, const Moments& m) {
  if (!args.running_mean) return;
  const double count = static_cast<double>(args.shape.count());
  const double old_mean = at<T>(args.running_mean, c),
               old_variance = at<T>(args.running_variance, c);
  const double share = args.training && args.shape.count() > 0 ? args.momentum : 0;
  const double unbiased = m.variance * count / (count - 1);
  put<T>(args.next_mean, c, share == 0 ? old_mean : (1 - share) * old_mean + share * m.mean);
  put<T>(args.next_variance, c,
         share == 0 ? old_variance : (1 - share) * old_variance + share * unbiased);
}

template <class T>
void norm_channel(const BatchNormArgs& args, int64_t c) {
  const Moments m = args.training
                        ? channel_moments<T>(args, c)
                        : Moments{at<T>(args.running_mean, c), at<T>(args.running_variance, c)};
  const double rstd = 1 / std::sqrt(m.variance + args.eps);
  const double weight = args.weight ? at<T>(args.weight, c) : 1;
  const double bias = args.bias ? at<T>(args.bias, c) : 0, scale = rstd * weight;
  for_channel(args.shape, c,
              [&](int64_t i) { put<T>(args.y, i, (at<T>(args.x, i) - m.mean) * scale + bias); });
  put<T>(args.mean, c, m.mean);
  put<T>(args.rstd, c, rstd);
  update_running<T>(args, c, m);
}

template <class T>
void backward_channel(const BatchNormBackwardArgs& args, int64_t c) {
  const double mean = at<T>(args.mean, c), rstd = at<T>(args.rstd, c);
  const double scale = args.weight ? at<T>(args.weight, c) * rstd : rstd;
  const auto h = [&](int64_t i) { return (at<T>(args.x, i) - mean) * rstd; };
  double sum = 0, sum_h = 0;
  for_channel(args.shape, c, [&](int64_t i) {
    sum += at<T>(args.dy, i);
    sum_h += at<T>(args.dy, i) * h(i);
  });
  const double count = static_cast<double>(args.shape.count());
  const double average = sum / count, average_h = sum_h / count;
  for_channel(args.shape, c, [&](int64_t i) {
    const double dy = at<T>(args.dy, i);
    put<T>(args.dx, i, scale * (args.training ? dy - average - h(i) * average_h : dy));
  });
  put<T>(args.dweight, c, sum_h);
  put<T>(args.dbias, c, sum);
}

}  // namespace

int64_t batch_norm_workspace(const BatchNormShape& shape) {
  return shape.space == 1 ? column_workspace(shape.batch, shape.channels) : 0;
}

void batch_norm_cpu(const BatchNormArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.shape.channels, [&](int64_t c) { norm_channel<T>(args, c); });
  });
}

void batch_norm_backward_cpu(const BatchNormBackwardArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.shape.channels, [&](int64_t c) { backward_channel<T>(args, c); });
  });
}

}  // namespace gradus::kernels
