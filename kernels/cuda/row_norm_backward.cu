// SPDX-License-Identifier: Apache-2.0
// Gradients of layer_norm, rms_norm and group_norm. That of the input by rows as in row_norm.cu,
// reading x and dy twice. Those of the weights: a block folds a piece of the elements of some
// weights, a second kernel folds the pieces, in order. Not measured on hardware.
#include "kernels/common/shared.h"
#include "kernels/cuda/row_norm_weights.h"

namespace gradus::kernels {
namespace {

constexpr int lanes = 32;
constexpr int slices = 8;

template <class T>
struct Slope {
  const T *dy, *x;
  MixedNumbers mean, rstd;
  NormWeights<T> weights;

  DEV Compute<T> mean_of(int64_t row) const {
    return mean.data != nullptr ? mean.at<T>(row) : Compute<T>(0);
  }
};

template <class T, int V, int Lanes>
__global__ void __launch_bounds__(row_threads) row_norm_dx(const Slope<T> slope, T* dx) {
  using C = Compute<T>;
  const RowNormShape& shape = slope.weights.shape;
  const int64_t row = row_number<Lanes>();
  if (row >= shape.rows) return;
  const C mean = slope.mean_of(row), rstd = slope.rstd.template at<T>(row);
  const int64_t start = row * shape.cols;
  // Calls f(g, h, column) with g = dy * weight and h = (x - mean) * rstd.
  const auto visit = [&](auto f) {
    for (int64_t at = int64_t{row_lane<Lanes>()} * V; at < shape.cols; at += Lanes * V) {
      C g[V], h[V], weight[V];
      read_wide<V>(g, slope.dy + start + at);
      read_wide<V>(h, slope.x + start + at);
      slope.weights.template read<V>(weight, slope.weights.weight, row, at, C(1));
#pragma unroll
      for (int j = 0; j < V; ++j) {
        g[j] = g[j] * weight[j];
        h[j] = (h[j] - mean) * rstd;
      }
      f(g, h, at);
    }
  };
  double sum_g = 0, sum_gh = 0;
  visit([&](const C(&g)[V], const C(&h)[V], int64_t) {
#pragma unroll
    for (int j = 0; j < V; ++j) {
      sum_g += static_cast<double>(g[j]);
      sum_gh += static_cast<double>(g[j]) * static_cast<double>(h[j]);
    }
  });
  const double count = static_cast<double>(shape.cols);
  const C average_gh = static_cast<C>(row_reduce<Lanes>(sum_gh, Sum()) / count);
  C average_g = C(0);
  if (slope.mean.data != nullptr) {
    row_barrier<Lanes>();
    average_g = static_cast<C>(row_reduce<Lanes>(sum_g, Sum()) / count);
  }
  visit([&](const C(&g)[V], const C(&h)[V], int64_t at) {
    C result[V];
#pragma unroll
    for (int j = 0; j < V; ++j) result[j] = rstd * (g[j] - average_g - h[j] * average_gh);
    write_narrow<V>(dx + start + at, result);
  });
}

// The elements of a weight: `inner` neighbours in every row that is a period further.
struct Pieces {
  int64_t weights, elements;  // elements of each weight
  int64_t count, length;      // pieces of them
};

Pieces pieces_of(const RowNormShape& shape) {
  constexpr int64_t wanted_blocks = 512, shortest = 256;
  const auto divide_up = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  Pieces p{shape.weights(), shape.rows / shape.period * shape.inner, 1, 1};
  const int64_t blocks =
      shape.inner > 1 ? divide_up(p.weights, slices) : divide_up(p.weights, lanes);
  const int64_t most = divide_up(p.elements, shortest);
  const int64_t wanted = divide_up(wanted_blocks, blocks > 0 ? blocks : 1);
  const int64_t pieces = wanted < most ? wanted : most;
  p.length = divide_up(p.elements, pieces > 0 ? pieces : 1);
  if (p.length == 0) p.length = 1;
  p.count = p.elements > 0 ? divide_up(p.elements, p.length) : 1;
  return p;
}

struct WeightSums {
  double weight, bias;
};

// This thread's share of a piece of weight k: elements begin + first, + step, ...
template <class T>
DEV WeightSums weight_share(const Slope<T>& slope, int64_t k, int64_t begin, int64_t end,
                            int64_t step) {
  const RowNormShape& shape = slope.weights.shape;
  const Quotient place = quotient_of(k, quotient_of(shape.cols, shape.inner).whole);
  WeightSums sums{0, 0};
  for (int64_t e = begin; e < end; e += step) {
    const Quotient at = quotient_of(e, shape.inner);
    const int64_t row = place.whole + at.whole * shape.period;
    const int64_t from = row * shape.cols + place.rest * shape.inner + at.rest;
    const double dy = widen(slope.dy[from]);
    const double centred =
        static_cast<double>(widen(slope.x[from])) - static_cast<double>(slope.mean_of(row));
    sums.weight += dy * centred * static_cast<double>(slope.rstd.template at<T>(row));
    sums.bias += dy;
  }
  return sums;
}

// Lanes are neighbouring weights where those are neighbours in memory (Columns), else neighbouring
// elements of one weight.
template <class T, bool Columns>
__global__ void __launch_bounds__(lanes* slices)
    row_norm_dweight(const Slope<T> slope, const Pieces pieces, WeightSums* partial) {
  const int lane = static_cast<int>(threadIdx.x), slice = static_cast<int>(threadIdx.y);
  const int64_t begin = int64_t{blockIdx.y} * pieces.length;
  const int64_t end =
      begin + pieces.length < pieces.elements ? begin + pieces.length : pieces.elements;
  if constexpr (Columns) {
    SHARED(weight_parts, double[slices][lanes]);
    SHARED(bias_parts, double[slices][lanes]);
    const int64_t k = int64_t{blockIdx.x} * lanes + lane;
    WeightSums sums{0, 0};
    if (k < pieces.weights) sums = weight_share(slope, k, begin + slice, end, slices);
    weight_parts[slice][lane] = sums.weight;
    bias_parts[slice][lane] = sums.bias;
    __syncthreads();
    if (k >= pieces.weights || slice > 0) return;
#pragma unroll
    for (int i = 1; i < slices; ++i) {
      sums.weight += weight_parts[i][lane];
      sums.bias += bias_parts[i][lane];
    }
    WeightSums& to = partial[k * pieces.count + blockIdx.y];
    to.weight = sums.weight;
    to.bias = sums.bias;
  } else {
    const int64_t k = int64_t{blockIdx.x} * slices + slice;
    if (k >= pieces.weights) return;
    const WeightSums sums = weight_share(slope, k, begin + lane, end, lanes);
    const double weight = warp_reduce(sums.weight, Sum()), bias = warp_reduce(sums.bias, Sum());
    if (lane > 0) return;
    WeightSums& to = partial[k * pieces.count + blockIdx.y];
    to.weight = weight;
    to.bias = bias;
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    row_norm_fold(const WeightSums* partial, const Pieces pieces, void* dweight, void* dbias,
                  DType dtype) {
  const int64_t k = row_number<warp_size>();
  if (k >= pieces.weights) return;
  double weight = 0, bias = 0;
  for (int64_t i = row_lane<warp_size>(); i < pieces.count; i += warp_size) {
    weight += partial[k * pieces.count + i].weight;
    bias += partial[k * pieces.count + i].bias;
  }
  weight = warp_reduce(weight, Sum());
  bias = warp_reduce(bias, Sum());
  if (row_lane<warp_size>() > 0) return;
  store_mixed<T>(dweight, dtype, k, weight);
  store_mixed<T>(dbias, dtype, k, bias);
}

template <class T, int V>
void launch_dx(const Slope<T>& slope, T* dx, StreamHandle stream) {
  const RowNormShape& shape = slope.weights.shape;
  const RowForm form(shape.cols, V);
  launch(form.lanes == warp_size ? row_norm_dx<T, V, warp_size> : row_norm_dx<T, V, row_threads>,
         row_config("row_norm_backward", shape.rows, form.lanes, stream), slope, dx);
}

template <class T>
void launch_dweight(const RowNormBackwardArgs& a, const RowNormTypes& types, const Slope<T>& slope,
                    StreamHandle stream) {
  const Pieces pieces = pieces_of(a.shape);
  if (pieces.weights == 0) return;
  const bool columns = a.shape.inner == 1;
  const int64_t per_block = columns ? lanes : slices;
  WeightSums* const partial = static_cast<WeightSums*>(a.workspace);
  launch(columns ? row_norm_dweight<T, true> : row_norm_dweight<T, false>,
         {.grid = {static_cast<unsigned>((pieces.weights + per_block - 1) / per_block),
                   static_cast<unsigned>(pieces.count)},
          .block = {lanes, slices},
          .stream = stream},
         slope, pieces, partial);
  launch(row_norm_fold<T>, row_config("row_norm_backward", pieces.weights, warp_size, stream),
         partial, pieces, a.dweight, a.dbias, types.weight);
}

template <class T>
void launch_typed(const RowNormBackwardArgs& a, const RowNormTypes& types, StreamHandle stream) {
  const Slope<T> slope{static_cast<const T*>(a.dy),
                       static_cast<const T*>(a.x),
                       {a.mean, types.mean},
                       {a.rstd, types.rstd},
                       {{a.weight, types.weight}, {nullptr, types.weight}, a.shape}};
  T* const dx = static_cast<T*>(a.dx);
  if (a.shape.rows > 0) {
    if (vectors_fit<T>(a.x, a.shape.cols) && vectors_fit<T>(a.dy, a.shape.cols) &&
        vectors_fit<T>(a.dx, a.shape.cols))
      launch_dx<T, widest<T>>(slope, dx, stream);
    else
      launch_dx<T, 1>(slope, dx, stream);
  }
  if (a.dweight != nullptr) launch_dweight<T>(a, types, slope, stream);
}

}  // namespace

int64_t row_norm_backward_cuda_workspace(const RowNormShape& shape) {
  const Pieces pieces = pieces_of(shape);
  return pieces.weights * pieces.count * static_cast<int64_t>(sizeof(WeightSums));
}

void row_norm_backward_cuda(const RowNormBackwardArgs& args, const RowNormTypes& types,
                            StreamHandle stream) {
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
      failf(ErrorKind::unsupported, "row_norm_backward", "no CUDA kernel for {}",
            dtype_name(args.dtype));
  }
}

}  // namespace gradus::kernels
