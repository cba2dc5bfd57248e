// SPDX-License-Identifier: Apache-2.0
// The f32 batch normalisation on sixteen lanes, included by batch_norm_avx2.cpp and
// batch_norm_avx512.cpp. With space, lanes are neighbours in space and a task is one channel, whose
// passes find it in the cache; without, lanes are sixteen channels.
#pragma once

#if defined(__AVX2__)

#include <algorithm>
#include <cmath>

#include "engine/base/parallel.h"
#include "kernels/batch_norm.h"
#include "kernels/cpu/lanes.h"

namespace gradus::kernels {
namespace {

// Partial sums in f32 run over about this many values, then go on in f64.
constexpr int64_t values_per_sum = 4096;

inline int64_t images_per_sum(const BatchNormShape& shape) {
  return std::max<int64_t>(1, values_per_sum / std::max<int64_t>(1, shape.space));
}

struct Moments {
  float mean, shift;  // mean + shift is the mean: see row_norm_lanes.h
  double variance;
};

inline Moments channel_moments(const float* x, const BatchNormShape& shape) {
  const double count = static_cast<double>(shape.count());
  const int64_t stride = shape.channels * shape.space, images = images_per_sum(shape);
  const auto over_channel = [&](auto&& add, auto&& finish) {
    for (int64_t begin = 0; begin < shape.batch; begin += images) {
      for (int64_t n = begin; n < std::min(shape.batch, begin + images); ++n)
        for_lanes(shape.space, [&](int64_t i, int64_t k) { add(load(x + n * stride + i, k), k); });
      finish();
    }
  };
  Lanes a = Lanes::zero(), b = Lanes::zero();
  double total = 0, firsts = 0, seconds = 0;
  over_channel([&](Lanes value, int64_t) { a = a + value; },
               [&] {
                 total += static_cast<double>(sum(a));
                 a = Lanes::zero();
               });
  const float mean = static_cast<float>(total / count);
  over_channel(
      [&](Lanes value, int64_t k) {
        const Lanes d = first(k, value - Lanes::all(mean), Lanes::zero());
        a = a + d;
        b = fma(d, d, b);
      },
      [&] {
        firsts += static_cast<double>(sum(a));
        seconds += static_cast<double>(sum(b));
        a = b = Lanes::zero();
      });
  const double shift = firsts / count;
  return {mean, static_cast<float>(shift), seconds / count - shift * shift};
}

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
  return {static_cast<const float*>(args.running_mean)[c], 0.f,
          static_cast<double>(static_cast<const float*>(args.running_variance)[c])};
}

inline float value_or(const void* values, int64_t c, float otherwise) {
  return values ? static_cast<const float*>(values)[c] : otherwise;
}

inline void norm_channel(const BatchNormArgs& args, int64_t c) {
  const BatchNormShape& shape = args.shape;
  const float* x = static_cast<const float*>(args.x) + c * shape.space;
  float* y = static_cast<float*>(args.y) + c * shape.space;
  const Moments m = args.training ? channel_moments(x, shape) : running_moments(args, c);
  const Lanes scale = Lanes::all(finish_channel(args, c, m) * value_or(args.weight, c, 1.f));
  const Lanes mean = Lanes::all(m.mean), shift = Lanes::all(m.shift);
  const Lanes bias = Lanes::all(value_or(args.bias, c, 0.f));
  for (int64_t n = 0; n < shape.batch; ++n) {
    const int64_t row = n * shape.channels * shape.space;
    for_lanes(shape.space, [&](int64_t i, int64_t k) {
      store(fma(load(x + row + i, k) - mean - shift, scale, bias), y + row + i, k);
    });
  }
}

// Sums over the batch of two functions of row n for sixteen channels, to f64 every values_per_sum.
template <class Body>
inline void column_sums(int64_t batch, double* a, double* b, Body&& body) {
  for (int64_t l = 0; l < 16; ++l) a[l] = b[l] = 0;
  for (int64_t begin = 0; begin < batch; begin += values_per_sum / 16) {
    Lanes sum_a = Lanes::zero(), sum_b = Lanes::zero();
    for (int64_t n = begin; n < std::min(batch, begin + values_per_sum / 16); ++n)
      body(n, sum_a, sum_b);
    float part_a[16], part_b[16];
    sum_a.store(part_a);
    sum_b.store(part_b);
    for (int64_t l = 0; l < 16; ++l) {
      a[l] += static_cast<double>(part_a[l]);
      b[l] += static_cast<double>(part_b[l]);
    }
  }
}

// Channels c .. c + k of a (batch, channels) matrix.
inline void norm_columns(const BatchNormArgs& args, int64_t c, int64_t k) {
  const int64_t batch = args.shape.batch, channels = args.shape.channels;
  const float* x = static_cast<const float*>(args.x) + c;
  float* y = static_cast<float*>(args.y) + c;
  const double count = static_cast<double>(batch);
  float mean[16] = {}, shift[16] = {}, scale[16] = {}, bias[16] = {};
  double a[16], b[16];
  if (args.training) {
    column_sums(batch, a, b,
                [&](int64_t n, Lanes& s, Lanes&) { s = s + load(x + n * channels, k); });
    for (int64_t l = 0; l < 16; ++l) mean[l] = static_cast<float>(a[l] / count);
    column_sums(batch, a, b, [&](int64_t n, Lanes& s, Lanes& squares) {
      const Lanes d = load(x + n * channels, k) - Lanes::load(mean);
      s = s + d;
      squares = fma(d, d, squares);
    });
  }
  for (int64_t l = 0; l < k; ++l) {
    Moments m = args.training ? Moments{mean[l], 0.f, 0} : running_moments(args, c + l);
    if (args.training) {
      const double d = a[l] / count;
      m = {mean[l], static_cast<float>(d), b[l] / count - d * d};
    }
    mean[l] = m.mean;
    shift[l] = m.shift;
    scale[l] = finish_channel(args, c + l, m) * value_or(args.weight, c + l, 1.f);
    bias[l] = value_or(args.bias, c + l, 0.f);
  }
  for (int64_t n = 0; n < batch; ++n) {
    const Lanes d = load(x + n * channels, k) - Lanes::load(mean) - Lanes::load(shift);
    store(fma(d, Lanes::load(scale), Lanes::load(bias)), y + n * channels, k);
  }
}

template <class Channel, class Columns>
inline void over_channels(const BatchNormShape& shape, Channel&& channel, Columns&& columns) {
  if (shape.space != 1)
    return parallel_for(shape.channels, [&](int64_t c) {
      const FlushDenormals flush;
      channel(c);
    });
  parallel_range(shape.channels, 16, [&](int64_t begin, int64_t end) {
    const FlushDenormals flush;
    columns(begin, end - begin);
  });
}

inline void batch_norm(const BatchNormArgs& args) {
  if (args.shape.count() == 0) return batch_norm_cpu(args);
  over_channels(
      args.shape, [&](int64_t c) { norm_channel(args, c); },
      [&](int64_t c, int64_t k) { norm_columns(args, c, k); });
}

inline void backward_channel(const BatchNormBackwardArgs& args, int64_t c) {
  const BatchNormShape& shape = args.shape;
  const float* x = static_cast<const float*>(args.x) + c * shape.space;
  const float* dy = static_cast<const float*>(args.dy) + c * shape.space;
  float* dx = static_cast<float*>(args.dx) + c * shape.space;
  const float mean = static_cast<const float*>(args.mean)[c];
  const float rstd = static_cast<const float*>(args.rstd)[c];
  const int64_t stride = shape.channels * shape.space, images = images_per_sum(shape);
  double total = 0, total_h = 0;
  for (int64_t begin = 0; begin < shape.batch; begin += images) {
    Lanes a = Lanes::zero(), b = Lanes::zero();
    for (int64_t n = begin; n < std::min(shape.batch, begin + images); ++n)
      for_lanes(shape.space, [&](int64_t i, int64_t k) {
        const Lanes g = load(dy + n * stride + i, k);
        const Lanes h = (load(x + n * stride + i, k) - Lanes::all(mean)) * Lanes::all(rstd);
        a = a + g;
        b = b + first(k, g * h, Lanes::zero());
      });
    total += static_cast<double>(sum(a));
    total_h += static_cast<double>(sum(b));
  }
  static_cast<float*>(args.dweight)[c] = static_cast<float>(total_h);
  static_cast<float*>(args.dbias)[c] = static_cast<float>(total);
  const double count = static_cast<double>(shape.count());
  const Lanes average = Lanes::all(args.training ? static_cast<float>(total / count) : 0.f);
  const Lanes average_h = Lanes::all(args.training ? static_cast<float>(total_h / count) : 0.f);
  const Lanes scale = Lanes::all(rstd * value_or(args.weight, c, 1.f));
  for (int64_t n = 0; n < shape.batch; ++n)
    for_lanes(shape.space, [&](int64_t i, int64_t k) {
      const Lanes h = (load(x + n * stride + i, k) - Lanes::all(mean)) * Lanes::all(rstd);
      const Lanes d = load(dy + n * stride + i, k) - average - h * average_h;
      store(scale * d, dx + n * stride + i, k);
    });
}

inline void backward_columns(const BatchNormBackwardArgs& args, int64_t c, int64_t k) {
  const int64_t batch = args.shape.batch, channels = args.shape.channels;
  const float* x = static_cast<const float*>(args.x) + c;
  const float* dy = static_cast<const float*>(args.dy) + c;
  const Lanes mean = load(static_cast<const float*>(args.mean) + c, k);
  const Lanes rstd = load(static_cast<const float*>(args.rstd) + c, k);
  double a[16], b[16];
  column_sums(batch, a, b, [&](int64_t n, Lanes& sum_g, Lanes& sum_gh) {
    const Lanes g = load(dy + n * channels, k);
    sum_g = sum_g + g;
    sum_gh = sum_gh + g * ((load(x + n * channels, k) - mean) * rstd);
  });
  float average[16] = {}, average_h[16] = {};
  for (int64_t l = 0; l < k; ++l) {
    static_cast<float*>(args.dweight)[c + l] = static_cast<float>(b[l]);
    static_cast<float*>(args.dbias)[c + l] = static_cast<float>(a[l]);
    if (!args.training) continue;
    average[l] = static_cast<float>(a[l] / static_cast<double>(batch));
    average_h[l] = static_cast<float>(b[l] / static_cast<double>(batch));
  }
  const Lanes scale =
      args.weight ? rstd * load(static_cast<const float*>(args.weight) + c, k) : rstd;
  for (int64_t n = 0; n < batch; ++n) {
    const Lanes h = (load(x + n * channels, k) - mean) * rstd;
    const Lanes d = load(dy + n * channels, k) - Lanes::load(average) - h * Lanes::load(average_h);
    store(scale * d, static_cast<float*>(args.dx) + c + n * channels, k);
  }
}

inline void batch_norm_backward(const BatchNormBackwardArgs& args) {
  if (args.shape.count() == 0) return batch_norm_backward_cpu(args);
  over_channels(
      args.shape, [&](int64_t c) { backward_channel(args, c); },
      [&](int64_t c, int64_t k) { backward_columns(args, c, k); });
}

}  // namespace
}  // namespace gradus::kernels

#endif
