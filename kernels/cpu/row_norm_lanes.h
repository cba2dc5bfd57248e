// SPDX-License-Identifier: Apache-2.0
// The f32 row normalisation on sixteen lanes, included by row_norm_avx2.cpp and
// row_norm_avx512.cpp.
#pragma once

#if defined(__AVX2__)

#include <algorithm>
#include <cmath>

#include "engine/base/parallel.h"
#include "kernels/cpu/lanes.h"
#include "kernels/row_norm.h"

namespace gradus::kernels {
namespace {

// Partial sums in f32 run over at most this many columns, then go on in f64.
constexpr int64_t block_cols = 4096;

template <class Body>
inline void for_blocks(int64_t cols, Body&& body) {
  for (int64_t c = 0; c < cols; c += block_cols) body(c, std::min(block_cols, cols - c));
}

struct Moments {
  float mean, shift, rstd;
};

inline double sum_of(const float* x, int64_t count) {
  Lanes total = Lanes::zero();
  for_lanes(count, [&](int64_t c, int64_t n) { total = total + load(x + c, n); });
  return static_cast<double>(sum(total));
}

// x - mean is taken from a mean rounded to f32, and `shift` is what that rounding (and the sum)
// left over: with a large offset it matters.
inline Moments row_moments(const float* x, int64_t cols, bool centred, double eps) {
  const double count = static_cast<double>(cols);
  double total = 0, first_moment = 0, second_moment = 0;
  if (centred) for_blocks(cols, [&](int64_t c, int64_t n) { total += sum_of(x + c, n); });
  const float mean = static_cast<float>(total / count);
  for_blocks(cols, [&](int64_t begin, int64_t size) {
    Lanes firsts = Lanes::zero(), seconds = Lanes::zero();
    for_lanes(size, [&](int64_t c, int64_t n) {
      const Lanes d = first(n, load(x + begin + c, n) - Lanes::all(mean), Lanes::zero());
      firsts = firsts + d;
      seconds = fma(d, d, seconds);
    });
    first_moment += static_cast<double>(sum(firsts));
    second_moment += static_cast<double>(sum(seconds));
  });
  const double shift = centred ? first_moment / count : 0;
  const double variance = second_moment / count - shift * shift;
  const double overflow = centred ? variance - variance : 0;  // NaN of an infinity
  return {mean, static_cast<float>(shift),
          static_cast<float>(1 / std::sqrt(variance + eps + overflow))};
}

// y = ((x - mean) - shift) * rstd * weight + bias for `cols` columns with weights w, b of their own
// (null: 1 and 0).
inline void apply_row(const float* x, const Moments& m, const float* w, const float* b, float* y,
                      int64_t cols) {
  const Lanes mean = Lanes::all(m.mean), shift = Lanes::all(m.shift), rstd = Lanes::all(m.rstd);
  for_lanes(cols, [&](int64_t c, int64_t n) {
    Lanes h = (load(x + c, n) - mean - shift) * rstd;
    if (w) h = h * load(w + c, n);
    if (b) h = h + load(b + c, n);
    store(h, y + c, n);
  });
}

// The same with one weight for all columns.
inline void apply_segment(const float* x, const Moments& m, float w, float b, float* y,
                          int64_t cols) {
  const Lanes mean = Lanes::all(m.mean), shift = Lanes::all(m.shift), rstd = Lanes::all(m.rstd);
  for_lanes(cols, [&](int64_t c, int64_t n) {
    const Lanes h = (load(x + c, n) - mean - shift) * rstd;
    store(h * Lanes::all(w) + Lanes::all(b), y + c, n);
  });
}

inline void norm_row(const RowNormArgs& args, int64_t row) {
  const RowNormShape& shape = args.shape;
  const float* x = static_cast<const float*>(args.x) + row * shape.cols;
  const float* w = static_cast<const float*>(args.weight);
  const float* b = static_cast<const float*>(args.bias);
  float* y = static_cast<float*>(args.y) + row * shape.cols;
  const Moments m = row_moments(x, shape.cols, args.mean != nullptr, args.eps);
  if (!(m.rstd > 0)) return row_norm_row_cpu(args, row);  // an overflow: once more, in f64
  if (args.mean) static_cast<float*>(args.mean)[row] = m.mean + m.shift;
  static_cast<float*>(args.rstd)[row] = m.rstd;
  const int64_t k = shape.weight_of(row, 0), segments = shape.cols / shape.inner;
  if (shape.inner == 1 || (!w && !b))
    return apply_row(x, m, w ? w + k : w, b ? b + k : b, y, shape.cols);
  for (int64_t s = 0; s < segments; ++s)
    apply_segment(x + s * shape.inner, m, w ? w[k + s] : 1.f, b ? b[k + s] : 0.f,
                  y + s * shape.inner, shape.inner);
}

inline void row_norm(const RowNormArgs& args) {
  if (args.shape.cols == 0) return row_norm_cpu(args);
  const int64_t grain = std::max<int64_t>(1, 16384 / args.shape.cols);
  parallel_range(args.shape.rows, grain, [&](int64_t begin, int64_t end) {
    const FlushDenormals flush;
    for (int64_t row = begin; row < end; ++row) norm_row(args, row);
  });
}

// One row of the backward pass: pointers at its start; sums go to dw and db (null: not wanted).
struct BackwardRow {
  const float *dy, *x, *w;
  float *dx, *dw, *db;
  float mean, rstd;
  int64_t cols;
};

inline void add_to(float* p, Lanes value, int64_t n) { store(load(p, n) + value, p, n); }

struct Sums {
  double g = 0, gh = 0;
};

// Sums of g and g * h over the row; adds dy * h and dy to the weights' sums.
inline Sums row_sums(const BackwardRow& row) {
  const Lanes mean = Lanes::all(row.mean), rstd = Lanes::all(row.rstd);
  Sums sums;
  for_blocks(row.cols, [&](int64_t begin, int64_t size) {
    Lanes total_g = Lanes::zero(), total_gh = Lanes::zero();
    for_lanes(size, [&](int64_t i, int64_t n) {
      const int64_t c = begin + i;
      const Lanes dy = load(row.dy + c, n);
      const Lanes h = (load(row.x + c, n) - mean) * rstd;
      const Lanes g = row.w ? dy * load(row.w + c, n) : dy;
      total_g = total_g + g;
      total_gh = total_gh + first(n, g * h, Lanes::zero());
      if (row.dw) {
        add_to(row.dw + c, dy * h, n);
        add_to(row.db + c, dy, n);
      }
    });
    sums.g += static_cast<double>(sum(total_g));
    sums.gh += static_cast<double>(sum(total_gh));
  });
  return sums;
}

// dx = rstd * (dy * weight - a - h * b).
inline void write_dx(const BackwardRow& row, float weight, float a, float b) {
  const Lanes mean = Lanes::all(row.mean), rstd = Lanes::all(row.rstd);
  for_lanes(row.cols, [&](int64_t c, int64_t n) {
    const Lanes dy = load(row.dy + c, n);
    const Lanes h = (load(row.x + c, n) - mean) * rstd;
    const Lanes g = dy * (row.w ? load(row.w + c, n) : Lanes::all(weight));
    store(rstd * (g - Lanes::all(a) - h * Lanes::all(b)), row.dx + c, n);
  });
}

inline BackwardRow segment_of(const BackwardRow& row, int64_t s, int64_t inner) {
  return {row.dy + s * inner, row.x + s * inner, nullptr, row.dx + s * inner, nullptr, nullptr,
          row.mean,           row.rstd,          inner};
}

inline void backward_row(const BackwardRow& row, int64_t inner, bool centred) {
  const double count = static_cast<double>(row.cols);
  const bool by_segment = inner > 1 && row.w;
  Sums sums;
  if (!by_segment) sums = row_sums(row);
  for (int64_t s = 0; by_segment && s < row.cols / inner; ++s) {
    const Sums part = row_sums(segment_of(row, s, inner));  // of dy and dy * h: no weight yet
    row.db[s] += static_cast<float>(part.g);
    row.dw[s] += static_cast<float>(part.gh);
    sums.g += static_cast<double>(row.w[s]) * part.g;
    sums.gh += static_cast<double>(row.w[s]) * part.gh;
  }
  const float a = centred ? static_cast<float>(sums.g / count) : 0.f;
  const float b = static_cast<float>(sums.gh / count);
  if (!by_segment) return write_dx(row, 1.f, a, b);
  for (int64_t s = 0; s < row.cols / inner; ++s)
    write_dx(segment_of(row, s, inner), row.w[s], a, b);
}

inline void backward_chunk(const RowNormBackwardArgs& args, int64_t chunk) {
  const RowNormShape& shape = args.shape;
  const int64_t rows = row_norm_chunk_rows(shape), weights = shape.weights();
  float* dw = args.dweight ? static_cast<float*>(args.workspace) + chunk * 2 * weights : nullptr;
  for (int64_t k = 0; dw && k < 2 * weights; ++k) dw[k] = 0;
  const FlushDenormals flush;
  const float* w = static_cast<const float*>(args.weight);
  const int64_t end = std::min(shape.rows, (chunk + 1) * rows);
  for (int64_t r = chunk * rows; r < end; ++r) {
    const int64_t k = shape.weight_of(r, 0), at = r * shape.cols;
    backward_row(
        {static_cast<const float*>(args.dy) + at, static_cast<const float*>(args.x) + at,
         w ? w + k : w, static_cast<float*>(args.dx) + at, dw ? dw + k : dw,
         dw ? dw + weights + k : dw, args.mean ? static_cast<const float*>(args.mean)[r] : 0.f,
         static_cast<const float*>(args.rstd)[r], shape.cols},
        shape.inner, args.mean != nullptr);
  }
}

// The chunks' sums, added in order.
inline void add_chunks(const RowNormBackwardArgs& args) {
  const int64_t weights = args.shape.weights(), chunks = row_norm_chunks(args.shape);
  const float* parts = static_cast<const float*>(args.workspace);
  parallel_range(weights, 256, [&](int64_t begin, int64_t end) {
    for_lanes(end - begin, [&](int64_t c, int64_t n) {
      Lanes dw = Lanes::zero(), db = Lanes::zero();
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const float* part = parts + chunk * 2 * weights + begin + c;
        dw = dw + load(part, n);
        db = db + load(part + weights, n);
      }
      store(dw, static_cast<float*>(args.dweight) + begin + c, n);
      store(db, static_cast<float*>(args.dbias) + begin + c, n);
    });
  });
}

inline void row_norm_backward(const RowNormBackwardArgs& args) {
  if (args.shape.cols == 0) return row_norm_backward_cpu(args);
  parallel_for(row_norm_chunks(args.shape), [&](int64_t chunk) { backward_chunk(args, chunk); });
  if (args.dweight) add_chunks(args);
}

}  // namespace
}  // namespace gradus::kernels

#endif
