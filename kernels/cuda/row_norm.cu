// SPDX-License-Identifier: Apache-2.0
// layer_norm, rms_norm and group_norm forward. A row of up to 4096 elements of f32 is read once and
// held in registers, by a warp or a block; longer ones are read three times. Sums run in f64, so
// that squares of f32 numbers do not overflow. Not measured on hardware.
#include "kernels/cuda/row_norm_weights.h"

namespace gradus::kernels {
namespace {

template <class T>
struct Norm {
  const T* x;
  T* y;
  void *mean, *rstd;
  NormWeights<T> weights;
  DType statistics;
  double eps;
};

// A row's elements V at a time: from registers, or read again.
template <class T, int V, int Lanes, bool Held>
class Row {
 public:
  using C = Compute<T>;

  DEV Row(const T* x, int64_t cols) : x_(x), cols_(cols) {
    if constexpr (Held) {
#pragma unroll
      for (int i = 0; i < row_vectors; ++i) {
        const int64_t at = (int64_t{i} * Lanes + row_lane<Lanes>()) * V;
        if (at < cols) read_wide<V>(held_[i], x + at);
      }
    }
  }

  // Calls f(elements, column of the first).
  template <class F>
  DEV void visit(F f) const {
    if constexpr (Held) {
#pragma unroll
      for (int i = 0; i < row_vectors; ++i) {
        const int64_t at = (int64_t{i} * Lanes + row_lane<Lanes>()) * V;
        if (at < cols_) f(held_[i], at);
      }
    } else {
      for (int64_t at = int64_t{row_lane<Lanes>()} * V; at < cols_; at += Lanes * V) {
        C values[V];
        read_wide<V>(values, x_ + at);
        f(values, at);
      }
    }
  }

 private:
  const T* x_;
  int64_t cols_;
  C held_[Held ? row_vectors : 1][V];
};

template <class T, int V, int Lanes, bool Held>
__global__ void __launch_bounds__(row_threads) row_norm(const Norm<T> norm) {
  using C = Compute<T>;
  const RowNormShape& shape = norm.weights.shape;
  const int64_t row = row_number<Lanes>();
  if (row >= shape.rows) return;
  const Row<T, V, Lanes, Held> values(norm.x + row * shape.cols, shape.cols);
  const double count = static_cast<double>(shape.cols);
  double mean = 0;
  if (norm.mean != nullptr) {
    values.visit([&](const C(&x)[V], int64_t) {
#pragma unroll
      for (int j = 0; j < V; ++j) mean += static_cast<double>(x[j]);
    });
    mean = row_reduce<Lanes>(mean, Sum());
    row_barrier<Lanes>();
    mean = shape.cols > 0 ? mean / count : 0.0;
  }
  double squares = 0;
  values.visit([&](const C(&x)[V], int64_t) {
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const double d = static_cast<double>(x[j]) - mean;
      squares += d * d;
    }
  });
  squares = row_reduce<Lanes>(squares, Sum());
  const double overflow = norm.mean != nullptr ? squares - squares : 0.0;  // NaN of an infinity
  const double rstd = 1.0 / sqrt(squares / count + norm.eps + overflow);
  if (row_lane<Lanes>() == 0) {
    if (norm.mean != nullptr) store_mixed<T>(norm.mean, norm.statistics, row, mean);
    store_mixed<T>(norm.rstd, norm.statistics, row, rstd);
  }
  values.visit([&](const C(&x)[V], int64_t at) {
    C weight[V], bias[V], y[V];
    norm.weights.template read<V>(weight, norm.weights.weight, row, at, C(1));
    norm.weights.template read<V>(bias, norm.weights.bias, row, at, C(0));
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const C h = static_cast<C>((static_cast<double>(x[j]) - mean) * rstd);
      y[j] = h * weight[j] + bias[j];
    }
    write_narrow<V>(norm.y + row * shape.cols + at, y);
  });
}

template <class T, int V>
void launch_rows(const Norm<T>& norm, StreamHandle stream) {
  const RowNormShape& shape = norm.weights.shape;
  const RowForm form(shape.cols, V);
  launch(form.lanes == warp_size ? row_norm<T, V, warp_size, true>
         : form.held             ? row_norm<T, V, row_threads, true>
                                 : row_norm<T, V, row_threads, false>,
         row_config("row_norm", shape.rows, form.lanes, stream), norm);
}

template <class T>
void launch_typed(const RowNormArgs& a, const RowNormTypes& types, StreamHandle stream) {
  const Norm<T> norm{static_cast<const T*>(a.x),
                     static_cast<T*>(a.y),
                     a.mean,
                     a.rstd,
                     {{a.weight, types.weight}, {a.bias, types.bias}, a.shape},
                     types.rstd,
                     a.eps};
  if (vectors_fit<T>(a.x, a.shape.cols) && vectors_fit<T>(a.y, a.shape.cols))
    launch_rows<T, widest<T>>(norm, stream);
  else
    launch_rows<T, 1>(norm, stream);
}

}  // namespace

void row_norm_cuda(const RowNormArgs& args, const RowNormTypes& types, StreamHandle stream) {
  if (args.shape.rows == 0) return;
  switch (args.dtype) {
    case DType::f64:
      return launch_typed<double>(args, types, stream);
    case DType::f32:
      return launch_typed<float>(args, types, stream);
    case DType::f16:
      return launch_typed<f16>(args, types, stream);
    case DType::bf16:
      return launch_typed<bf16>(args, types, stream);
    default:
      failf(ErrorKind::unsupported, "row_norm", "no CUDA kernel for {}", dtype_name(args.dtype));
  }
}

}  // namespace gradus::kernels
