// SPDX-License-Identifier: Apache-2.0
#include "kernels/row_norm.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

template <class T>
double value_or(const void* values, int64_t index, double otherwise) {
  return values ? static_cast<double>(static_cast<const T*>(values)[index]) : otherwise;
}

template <class T>
void norm_row(const RowNormArgs& args, int64_t row) {
  const RowNormShape& shape = args.shape;
  const T* x = static_cast<const T*>(args.x) + row * shape.cols;
  T* y = static_cast<T*>(args.y) + row * shape.cols;
  const double count = static_cast<double>(shape.cols);
  double mean = 0, squares = 0;
  if (args.mean) {
    for (int64_t c = 0; c < shape.cols; ++c) mean += static_cast<double>(x[c]);
    mean = shape.cols ? mean / count : 0;
    static_cast<T*>(args.mean)[row] = static_cast<T>(mean);
  }
  for (int64_t c = 0; c < shape.cols; ++c) {
    const double d = static_cast<double>(x[c]) - mean;
    squares += d * d;
  }
  const double overflow = args.mean ? squares - squares : 0;  // NaN of an infinity
  const double rstd = 1 / std::sqrt(squares / count + args.eps + overflow);
  static_cast<T*>(args.rstd)[row] = static_cast<T>(rstd);
  for (int64_t c = 0; c < shape.cols; ++c) {
    const int64_t k = shape.weight_of(row, c);
    y[c] =
        static_cast<T>((static_cast<double>(x[c]) - mean) * rstd * value_or<T>(args.weight, k, 1) +
                       value_or<T>(args.bias, k, 0));
  }
}

template <class T>
void row_dx(const RowNormBackwardArgs& args, int64_t row) {
  const RowNormShape& shape = args.shape;
  const T* x = static_cast<const T*>(args.x) + row * shape.cols;
  const T* dy = static_cast<const T*>(args.dy) + row * shape.cols;
  T* dx = static_cast<T*>(args.dx) + row * shape.cols;
  const double mean = value_or<T>(args.mean, row, 0), rstd = value_or<T>(args.rstd, row, 0);
  const auto g = [&](int64_t c) {
    return static_cast<double>(dy[c]) * value_or<T>(args.weight, shape.weight_of(row, c), 1);
  };
  const auto h = [&](int64_t c) { return (static_cast<double>(x[c]) - mean) * rstd; };
  double sum_g = 0, sum_gh = 0;
  for (int64_t c = 0; c < shape.cols; ++c) {
    sum_g += g(c);
    sum_gh += g(c) * h(c);
  }
  const double count = static_cast<double>(shape.cols);
  const double average_g = args.mean ? sum_g / count : 0, average_gh = sum_gh / count;
  for (int64_t c = 0; c < shape.cols; ++c)
    dx[c] = static_cast<T>(rstd * (g(c) - average_g - h(c) * average_gh));
}

// The gradients of weight k: rows k's period apart, `inner` columns of each.
template <class T>
void weight_gradient(const RowNormBackwardArgs& args, int64_t k) {
  const RowNormShape& shape = args.shape;
  const int64_t per_row = shape.cols / shape.inner;
  double dweight = 0, dbias = 0;
  for (int64_t row = k / per_row; row < shape.rows; row += shape.period) {
    const double mean = value_or<T>(args.mean, row, 0), rstd = value_or<T>(args.rstd, row, 0);
    const int64_t start = row * shape.cols + k % per_row * shape.inner;
    for (int64_t i = start; i < start + shape.inner; ++i) {
      const double dy = value_or<T>(args.dy, i, 0);
      dweight += dy * (value_or<T>(args.x, i, 0) - mean) * rstd;
      dbias += dy;
    }
  }
  static_cast<T*>(args.dweight)[k] = static_cast<T>(dweight);
  static_cast<T*>(args.dbias)[k] = static_cast<T>(dbias);
}

}  // namespace

void row_norm_cpu(const RowNormArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.shape.rows, [&](int64_t row) { norm_row<T>(args, row); });
  });
}

void row_norm_row_cpu(const RowNormArgs& args, int64_t row) { norm_row<float>(args, row); }

void row_norm_backward_cpu(const RowNormBackwardArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.shape.rows, [&](int64_t row) { row_dx<T>(args, row); });
    if (args.dweight)
      parallel_for(args.shape.weights(), [&](int64_t k) { weight_gradient<T>(args, k); });
  });
}

}  // namespace gradus::kernels
