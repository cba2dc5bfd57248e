// SPDX-License-Identifier: Apache-2.0
// batch_norm, relu and max pooling of channels-last f32 in one pass, included by
// batch_norm_relu_avx2.cpp and batch_norm_relu_avx512.cpp. Lanes are sixteen channels, a task is a
// chunk of rows of windows.
#pragma once

#if defined(__AVX2__)

#include <cmath>

#include "kernels/cpu/batch_norm_statistics.h"
#include "kernels/cpu/window_chunks.h"

namespace gradus::kernels {
namespace {

// One row of windows. Element e of window w starts at x[first + w * step + offset(e)].
struct WindowRow {
  static constexpr int64_t most_elements = 64;

  WindowRow(const BatchNormReluShape& s, int64_t row)
      : image(row / (s.output[0] * s.output[1])),
        depth(row / s.output[1] % s.output[0]),
        height(row % s.output[1]) {
    first = ((image * s.input(0) + depth * s.window[0]) * s.input(1) + height * s.window[1]) *
            s.input(2) * s.channels;
    step = s.window[2] * s.channels;
  }
  int64_t image, depth, height, first, step;
};

inline void element_offsets(const BatchNormReluShape& s, int64_t* offsets) {
  for (int64_t e = 0; e < s.window_size(); ++e) {
    const int64_t z = e / (s.window[1] * s.window[2]), y = e / s.window[2] % s.window[1];
    offsets[e] = ((z * s.input(1) + y) * s.input(2) + e % s.window[2]) * s.channels;
  }
}

// What the norm computes of sixteen channels.
struct NormOf {
  Lanes mean, scale, bias;
  Lanes operator()(Lanes x) const { return fma(x - mean, scale, bias); }
};

struct Largest {
  Lanes value, element;
};

// Count: the elements of a window, or 0 where only `count` knows.
template <int Count>
inline Largest largest_of(const float* x, const int64_t* offsets, int64_t count, const NormOf& norm,
                          int64_t k) {
  Largest best{norm(load(x + offsets[0], k)), Lanes::zero()};
  for (int64_t e = 1; e < (Count > 0 ? Count : count); ++e) {
    const Lanes value = norm(load(x + offsets[e], k));
    best.element = where_above(value, best.value, Lanes::all(static_cast<float>(e)), best.element);
    best.value = where_above(value, best.value, value, best.value);
  }
  return best;
}

// Calls body(offset in x of window w, offset in y, channel, lanes) for a chunk; sixteen channels
// at a time where `begin(channel, lanes)` and `end(channel, lanes)` frame them.
template <class Begin, class Body, class End>
inline void over_windows(const BatchNormReluShape& s, const ColumnChunks& chunks, int64_t chunk,
                         Begin&& begin, Body&& body, End&& end) {
  for (int64_t r = chunks.begin(chunk); r < chunks.end(chunk); ++r) {
    const WindowRow row(s, r);
    const int64_t y = r * s.output[2] * s.channels;
    for_lanes(s.channels, [&](int64_t c, int64_t k) {
      begin(c, k);
      for (int64_t w = 0; w < s.output[2]; ++w)
        body(row.first + w * row.step + c, y + w * s.channels + c, k);
      end(c, k);
    });
  }
}

template <int Count>
inline void pooled_forward(const BatchNormReluArgs& args, const float* mean, const float* scale,
                           const float* bias) {
  const BatchNormReluShape& s = args.shape;
  const ColumnChunks chunks = window_chunks(s);
  const float* x = static_cast<const float*>(args.norm.x);
  float* y = static_cast<float*>(args.y);
  parallel_for(chunks.count, [&](int64_t chunk) {
    const FlushDenormals flush;
    int64_t offsets[WindowRow::most_elements];
    element_offsets(s, offsets);
    NormOf norm{};
    over_windows(
        s, chunks, chunk,
        [&](int64_t c, int64_t k) {
          norm = {load(mean + c, k), load(scale + c, k), load(bias + c, k)};
        },
        [&](int64_t from, int64_t to, int64_t k) {
          const Largest best = largest_of<Count>(x + from, offsets, s.window_size(), norm, k);
          store(max(Lanes::zero(), best.value), y + to, k);
        },
        [](int64_t, int64_t) {});
  });
}

inline void batch_norm_relu(const BatchNormReluArgs& args) {
  const BatchNormReluShape& s = args.shape;
  if (s.norm().count() == 0 || s.window_size() > WindowRow::most_elements)
    return batch_norm_relu_cpu(args);
  BatchNormArgs norm = args.norm;
  norm.shape = s.norm();
  const ColumnChunks chunks(norm.shape.batch, s.channels);
  ColumnWorkspace work(norm.workspace, chunks);
  if (norm.training) column_moments(static_cast<const float*>(norm.x), chunks, work.parts);
  parallel_range(s.channels, columns_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const Moments m = column_statistics(norm, work.parts, chunks, c);
      work.constant(2)[c] = finish_channel(norm, c, m) * value_or(norm.weight, c, 1.f);
      // Rounded, as the backward pass gets it.
      work.constant(0)[c] = m.mean + m.shift;
      work.constant(3)[c] = value_or(norm.bias, c, 0.f);
    }
  });
  const float *mean = work.constant(0), *scale = work.constant(2), *bias = work.constant(3);
  if (s.window_size() == 1) return pooled_forward<1>(args, mean, scale, bias);
  if (s.window_size() == 4) return pooled_forward<4>(args, mean, scale, bias);
  pooled_forward<0>(args, mean, scale, bias);
}

struct BackwardConstants {
  const float *mean, *rstd;
  float *scale, *bias, *average, *average_h;  // average_h times rstd
};

// dy where the relu lets it pass.
inline Lanes passed(const float* dy, Lanes value, int64_t k) {
  return where_positive(value, load(dy, k), Lanes::zero());
}

template <int Count>
inline void backward_sums(const BatchNormReluBackwardArgs& args, const BackwardConstants& by,
                          const ColumnChunks& chunks, float* parts) {
  const BatchNormReluShape& s = args.shape;
  const float *x = static_cast<const float*>(args.norm.x),
              *dy = static_cast<const float*>(args.norm.dy);
  parallel_for(chunks.count, [&](int64_t chunk) {
    const FlushDenormals flush;
    int64_t offsets[WindowRow::most_elements];
    element_offsets(s, offsets);
    float* sums = parts + chunk * ColumnWorkspace::arrays_per_chunk * s.channels;
    std::fill_n(sums, 2 * s.channels, 0.f);
    NormOf norm{};
    Lanes a = Lanes::zero(), b = Lanes::zero();
    over_windows(
        s, chunks, chunk,
        [&](int64_t c, int64_t k) {
          norm = {load(by.mean + c, k), load(by.scale + c, k), load(by.bias + c, k)};
          a = b = Lanes::zero();
        },
        [&](int64_t from, int64_t at, int64_t k) {
          const Largest best = largest_of<Count>(x + from, offsets, s.window_size(), norm, k);
          const Lanes g = passed(dy + at, best.value, k);
          Lanes chosen = load(x + from + offsets[0], k);
          for (int64_t e = 1; e < (Count > 0 ? Count : s.window_size()); ++e)
            chosen = where_equal(best.element, Lanes::all(static_cast<float>(e)),
                                 load(x + from + offsets[e], k), chosen);
          a = a + g;
          b = fma(g, chosen - norm.mean, b);
        },
        [&](int64_t c, int64_t k) {
          store(load(sums + c, k) + a, sums + c, k);
          float* second = sums + s.channels + c;
          store(fma(b, load(by.rstd + c, k), load(second, k)), second, k);
        });
  });
}

template <int Count>
inline void backward_input(const BatchNormReluBackwardArgs& args, const BackwardConstants& by,
                           const ColumnChunks& chunks) {
  const BatchNormReluShape& s = args.shape;
  const float *x = static_cast<const float*>(args.norm.x),
              *dy = static_cast<const float*>(args.norm.dy);
  float* dx = static_cast<float*>(args.norm.dx);
  parallel_for(chunks.count, [&](int64_t chunk) {
    const FlushDenormals flush;
    int64_t offsets[WindowRow::most_elements];
    element_offsets(s, offsets);
    NormOf norm{};
    Lanes average = Lanes::zero(), slope = Lanes::zero();
    over_windows(
        s, chunks, chunk,
        [&](int64_t c, int64_t k) {
          norm = {load(by.mean + c, k), load(by.scale + c, k), load(by.bias + c, k)};
          average = load(by.average + c, k);
          slope = load(by.average_h + c, k);
        },
        [&](int64_t from, int64_t at, int64_t k) {
          const Largest best = largest_of<Count>(x + from, offsets, s.window_size(), norm, k);
          const Lanes g = passed(dy + at, best.value, k);
          for (int64_t e = 0; e < (Count > 0 ? Count : s.window_size()); ++e) {
            const int64_t i = from + offsets[e];
            const Lanes mine =
                where_equal(best.element, Lanes::all(static_cast<float>(e)), g, Lanes::zero());
            const Lanes d = mine - average - (load(x + i, k) - norm.mean) * slope;
            store(norm.scale * d, dx + i, k);
          }
        },
        [](int64_t, int64_t) {});
  });
}

template <int Count>
inline void pooled_backward(const BatchNormReluBackwardArgs& args) {
  const BatchNormReluShape& s = args.shape;
  const BatchNormBackwardArgs& norm = args.norm;
  const ColumnChunks chunks = window_chunks(s);
  ColumnWorkspace work(norm.workspace, chunks);
  const BackwardConstants by{static_cast<const float*>(norm.mean),
                             static_cast<const float*>(norm.rstd),
                             work.constant(0),
                             work.constant(1),
                             work.constant(2),
                             work.constant(3)};
  for (int64_t c = 0; c < s.channels; ++c) {
    by.scale[c] = by.rstd[c] * value_or(norm.weight, c, 1.f);
    by.bias[c] = value_or(args.bias, c, 0.f);
  }
  backward_sums<Count>(args, by, chunks, work.parts);
  const double count = norm.training ? static_cast<double>(s.norm().count()) : 0;
  parallel_range(s.channels, columns_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const ColumnSums sums = merged_sums(work.parts, chunks, c);
      static_cast<float*>(norm.dweight)[c] = static_cast<float>(sums.b);
      static_cast<float*>(norm.dbias)[c] = static_cast<float>(sums.a);
      by.average[c] = count > 0 ? static_cast<float>(sums.a / count) : 0.f;
      by.average_h[c] =
          count > 0 ? static_cast<float>(sums.b / count * static_cast<double>(by.rstd[c])) : 0.f;
    }
  });
  backward_input<Count>(args, by, chunks);
}

inline void batch_norm_relu_backward(const BatchNormReluBackwardArgs& args) {
  const BatchNormReluShape& s = args.shape;
  if (s.norm().count() == 0 || s.window_size() > WindowRow::most_elements)
    return batch_norm_relu_backward_cpu(args);
  if (s.window_size() == 1) return pooled_backward<1>(args);
  if (s.window_size() == 4) return pooled_backward<4>(args);
  pooled_backward<0>(args);
}

}  // namespace
}  // namespace gradus::kernels

#endif
