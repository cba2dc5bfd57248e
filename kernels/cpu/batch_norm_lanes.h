// SPDX-License-Identifier: Apache-2.0
// The f32 batch normalisation on sixteen lanes, included by batch_norm_avx2.cpp and
// batch_norm_avx512.cpp. With space, lanes are neighbours in space and a task is one channel, whose
// passes find it in the cache; without, lanes are sixteen channels and a task is a chunk of rows.
#pragma once

#if defined(__AVX2__)

#include <algorithm>

#include "engine/base/parallel.h"
#include "kernels/cpu/batch_norm_statistics.h"

namespace gradus::kernels {
namespace {

// Partial sums in f32 run over about this many values, then go on in f64.
constexpr int64_t values_per_sum = 4096;

inline int64_t images_per_sum(const BatchNormShape& shape) {
  return std::max<int64_t>(1, values_per_sum / std::max<int64_t>(1, shape.space));
}

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

// A (batch, channels) matrix.
inline void norm_columns(const BatchNormArgs& args) {
  const int64_t rows = args.shape.batch, channels = args.shape.channels;
  const ColumnChunks chunks(rows, channels);
  const float* x = static_cast<const float*>(args.x);
  float* y = static_cast<float*>(args.y);
  ColumnWorkspace work(args.workspace, chunks);
  if (args.training) column_moments(x, chunks, work.parts);
  parallel_range(channels, columns_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const Moments m = column_statistics(args, work.parts, chunks, c);
      work.constant(0)[c] = m.mean;
      work.constant(1)[c] = m.shift;
      work.constant(2)[c] = finish_channel(args, c, m) * value_or(args.weight, c, 1.f);
      work.constant(3)[c] = value_or(args.bias, c, 0.f);
    }
  });
  const float *mean = work.constant(0), *shift = work.constant(1);
  const float *scale = work.constant(2), *bias = work.constant(3);
  over_rows(chunks, [&](int64_t row, int64_t c, int64_t k) {
    const Lanes d = load(x + row * channels + c, k) - load(mean + c, k) - load(shift + c, k);
    store(fma(d, load(scale + c, k), load(bias + c, k)), y + row * channels + c, k);
  });
}

template <class Channel>
inline void over_channels(const BatchNormShape& shape, Channel&& channel) {
  parallel_for(shape.channels, [&](int64_t c) {
    const FlushDenormals flush;
    channel(c);
  });
}

inline void batch_norm(const BatchNormArgs& args) {
  if (args.shape.count() == 0) return batch_norm_cpu(args);
  if (args.shape.space == 1) return norm_columns(args);
  over_channels(args.shape, [&](int64_t c) { norm_channel(args, c); });
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
      Lanes d = load(dy + n * stride + i, k);
      if (args.training) {
        const Lanes h = (load(x + n * stride + i, k) - Lanes::all(mean)) * Lanes::all(rstd);
        d = d - average - h * average_h;
      }
      store(scale * d, dx + n * stride + i, k);
    });
}

inline void backward_columns(const BatchNormBackwardArgs& args) {
  const int64_t rows = args.shape.batch, channels = args.shape.channels;
  const ColumnChunks chunks(rows, channels);
  const float *x = static_cast<const float*>(args.x), *dy = static_cast<const float*>(args.dy);
  const float *mean = static_cast<const float*>(args.mean),
              *rstd = static_cast<const float*>(args.rstd);
  float* dx = static_cast<float*>(args.dx);
  ColumnWorkspace work(args.workspace, chunks);
  column_sums(chunks, work.parts, [&](int64_t row, int64_t c, int64_t k, Lanes& a, Lanes& b) {
    const Lanes g = load(dy + row * channels + c, k);
    a = a + g;
    b = fma(g, (load(x + row * channels + c, k) - load(mean + c, k)) * load(rstd + c, k), b);
  });
  parallel_range(channels, columns_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const ColumnSums sums = merged_sums(work.parts, chunks, c);
      static_cast<float*>(args.dweight)[c] = static_cast<float>(sums.b);
      static_cast<float*>(args.dbias)[c] = static_cast<float>(sums.a);
      const double count = args.training ? static_cast<double>(rows) : 0;
      work.constant(0)[c] = count > 0 ? static_cast<float>(sums.a / count) : 0.f;
      work.constant(1)[c] = count > 0 ? static_cast<float>(sums.b / count) : 0.f;
      work.constant(2)[c] = rstd[c] * value_or(args.weight, c, 1.f);
    }
  });
  const float *average = work.constant(0), *average_h = work.constant(1), *scale = work.constant(2);
  over_rows(chunks, [&](int64_t row, int64_t c, int64_t k) {
    const int64_t i = row * channels + c;
    Lanes d = load(dy + i, k);
    if (args.training) {
      const Lanes h = (load(x + i, k) - load(mean + c, k)) * load(rstd + c, k);
      d = d - load(average + c, k) - h * load(average_h + c, k);
    }
    store(load(scale + c, k) * d, dx + i, k);
  });
}

inline void batch_norm_backward(const BatchNormBackwardArgs& args) {
  if (args.shape.count() == 0) return batch_norm_backward_cpu(args);
  if (args.shape.space == 1) return backward_columns(args);
  over_channels(args.shape, [&](int64_t c) { backward_channel(args, c); });
}

}  // namespace
}  // namespace gradus::kernels

#endif
