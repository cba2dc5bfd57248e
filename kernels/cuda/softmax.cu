// SPDX-License-Identifier: Apache-2.0
// Softmax over the middle dim of (outer, dim, inner). Not measured on hardware.
//
// inner == 1: a row is held in registers where it fits (one read, one write), by a warp or by a
// block; longer rows are read twice, the first time with a running maximum and sum (Milakov and
// Gimelshein 2018, "Online normalizer calculation for softmax").
// inner > 1: neighbouring threads take neighbouring columns, and the rows of a column are shared
// out among the block.
#include "kernels/softmax.h"

#include "kernels/common/convert.h"
#include "kernels/common/launch.h"
#include "kernels/common/reduce.h"
#include "kernels/common/vector.h"
#include "kernels/cuda/running_softmax.h"

namespace gradus::kernels {
namespace {

constexpr int block_threads = 256;
constexpr int column_lanes = 32;  // columns of a block where inner > 1
constexpr int column_slices = 8;  // threads that share a column

// exp(x - maximum) / sum, or its logarithm.
template <bool Log, class C>
DEV C normalized(C x, const Running<C>& row) {
  if constexpr (Log) return x - row.maximum - logarithm(row.sum);
  return exponential(x - row.maximum) / row.sum;
}

template <int Lanes, class C, class Op>
DEV C row_reduce(C value, Op op) {
  if constexpr (Lanes == warp_size) return warp_reduce(value, op);
  return block_reduce<Lanes>(value, op);
}

// One row per `Lanes` threads, at most Lanes * Vectors * V elements long, in registers. All threads
// of a warp belong to one row, so rows past the end leave together.
template <class T, int V, int Lanes, int Vectors, bool Log>
__global__ void __launch_bounds__(block_threads)
    softmax_in_registers(const T* x, T* y, int64_t rows, int dim) {
  using C = Compute<T>;
  constexpr int rows_per_block = block_threads / Lanes;
  const int64_t row = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / Lanes;
  const int lane = static_cast<int>(threadIdx.x) % Lanes;
  if (row >= rows) return;
  x += row * dim;
  y += row * dim;

  C values[Vectors][V];
  C maximum = minus_infinity<C>();
#pragma unroll
  for (int i = 0; i < Vectors; ++i) {
    const int at = (i * Lanes + lane) * V;
    if (at < dim + (planted(1) ? 1 : 0)) {
      const Vector<T, V> stored = load_vector<V>(x + at);
#pragma unroll
      for (int j = 0; j < V; ++j) values[i][j] = widen(stored.at[j]);
    } else {
#pragma unroll
      for (int j = 0; j < V; ++j) values[i][j] = minus_infinity<C>();
    }
#pragma unroll
    for (int j = 0; j < V; ++j) maximum = Max()(values[i][j], maximum);
  }
  Running<C> total{row_reduce<Lanes>(maximum, Max()), C(0)};
#pragma unroll
  for (int i = 0; i < Vectors; ++i) {
    if ((i * Lanes + lane) * V >= dim) continue;  // -inf - -inf must not count as an element
#pragma unroll
    for (int j = 0; j < V; ++j) total.sum += exponential(values[i][j] - total.maximum);
  }
  total.sum = row_reduce<Lanes>(total.sum, Sum());
#pragma unroll
  for (int i = 0; i < Vectors; ++i) {
    const int at = (i * Lanes + lane) * V;
    if (at >= dim) continue;
    Vector<T, V> result;
#pragma unroll
    for (int j = 0; j < V; ++j) result.at[j] = narrow<T>(normalized<Log>(values[i][j], total));
    store_vector(y + at, result);
  }
}

// One row per block, of any length.
template <class T, int V, bool Log>
__global__ void __launch_bounds__(block_threads) softmax_streaming(const T* x, T* y, int64_t dim) {
  using C = Compute<T>;
  x += int64_t{blockIdx.x} * dim;
  y += int64_t{blockIdx.x} * dim;
  const int64_t first = int64_t{threadIdx.x} * V;
  constexpr int64_t step = int64_t{block_threads} * V;
  Running<C> own = no_elements<C>();
  for (int64_t at = first; at < dim; at += step) {
    const Vector<T, V> stored = load_vector<V>(x + at);
#pragma unroll
    for (int j = 0; j < V; ++j) add(own, static_cast<C>(widen(stored.at[j])));
  }
  Running<C> row{block_reduce<block_threads>(own.maximum, Max()), C(0)};
  row.sum = block_reduce<block_threads>(combine(own, {row.maximum, C(0)}).sum, Sum());
  for (int64_t at = first; at < dim; at += step) {
    const Vector<T, V> stored = load_vector<V>(x + at);
    Vector<T, V> result;
#pragma unroll
    for (int j = 0; j < V; ++j)
      result.at[j] = narrow<T>(normalized<Log>(static_cast<C>(widen(stored.at[j])), row));
    store_vector(y + at, result);
  }
}

// Columns of (dim, inner) matrices, neighbours in neighbouring lanes.
template <class T, bool Log>
__global__ void __launch_bounds__(column_lanes* column_slices)
    softmax_columns(const T* x, T* y, int64_t columns, int64_t dim, int64_t inner) {
  using C = Compute<T>;
  SHARED(parts, Running<C>[column_slices][column_lanes]);
  const int lane = static_cast<int>(threadIdx.x);
  const int slice = static_cast<int>(threadIdx.y);
  const int64_t column = int64_t{blockIdx.x} * column_lanes + lane;
  const bool exists = column < columns;
  const int64_t start = exists ? column / inner * dim * inner + column % inner : 0;
  Running<C> own = no_elements<C>();
  if (exists)
    for (int64_t d = slice; d < dim; d += column_slices)
      add(own, static_cast<C>(widen(x[start + d * inner])));
  parts[slice][lane].maximum = own.maximum;
  parts[slice][lane].sum = own.sum;
  __syncthreads();
  if (!exists) return;
  Running<C> total = no_elements<C>();
#pragma unroll
  for (int s = 0; s < column_slices; ++s)
    total = combine(total, {parts[s][lane].maximum, parts[s][lane].sum});
  for (int64_t d = slice; d < dim; d += column_slices) {
    const C value = widen(x[start + d * inner]);
    y[start + d * inner] = narrow<T>(normalized<Log>(value, total));
  }
}

struct Call {
  const SoftmaxArgs& args;
  StreamHandle stream;
};

unsigned grid_for(int64_t items, int64_t per_block) {
  const int64_t blocks = (items + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[softmax] {} rows are more than one launch can take", items);
  return static_cast<unsigned>(blocks);
}

template <class T, int V, int Lanes, int Vectors, bool Log>
void launch_in_registers(const Call& call) {
  const SoftmaxArgs& a = call.args;
  launch(softmax_in_registers<T, V, Lanes, Vectors, Log>,
         {.grid = {grid_for(a.outer, block_threads / Lanes)},
          .block = {block_threads},
          .stream = call.stream},
         static_cast<const T*>(a.x), static_cast<T*>(a.y), a.outer, static_cast<int>(a.dim));
}

template <class T, int V, bool Log>
void launch_rows(const Call& call) {
  const SoftmaxArgs& a = call.args;
  // 2 and 8 vectors: rows of up to 64, 256 or 512, 2048 vectors fit.
  if (a.dim <= warp_size * 2 * V) return launch_in_registers<T, V, warp_size, 2, Log>(call);
  if (a.dim <= warp_size * 8 * V) return launch_in_registers<T, V, warp_size, 8, Log>(call);
  if (a.dim <= block_threads * 2 * V) return launch_in_registers<T, V, block_threads, 2, Log>(call);
  if (a.dim <= block_threads * 8 * V) return launch_in_registers<T, V, block_threads, 8, Log>(call);
  launch(softmax_streaming<T, V, Log>,
         {.grid = {grid_for(a.outer, 1)}, .block = {block_threads}, .stream = call.stream},
         static_cast<const T*>(a.x), static_cast<T*>(a.y), a.dim);
}

template <class T, bool Log>
void launch_typed(const Call& call) {
  const SoftmaxArgs& a = call.args;
  if (a.inner > 1) {
    const int64_t columns = a.outer * a.inner;
    launch(softmax_columns<T, Log>,
           {.grid = {grid_for(columns, column_lanes)},
            .block = {column_lanes, column_slices},
            .stream = call.stream},
           static_cast<const T*>(a.x), static_cast<T*>(a.y), columns, a.dim, a.inner);
  } else if (vectors_fit<T>(a.x, a.dim) && vectors_fit<T>(a.y, a.dim)) {
    launch_rows<T, widest<T>, Log>(call);
  } else {
    launch_rows<T, 1, Log>(call);
  }
}

template <class T>
void launch_log(const Call& call) {
  call.args.log ? launch_typed<T, true>(call) : launch_typed<T, false>(call);
}

}  // namespace

void softmax_cuda(const SoftmaxArgs& args, StreamHandle stream) {
  if (args.outer == 0 || args.dim == 0 || args.inner == 0) return;
  const Call call{args, stream};
  switch (args.dtype) {
    case DType::f64:
      return launch_log<double>(call);
    case DType::f32:
      return launch_log<float>(call);
    case DType::f16:
      return launch_log<f16>(call);
    case DType::bf16:
      return launch_log<bf16>(call);
    default:
      failf(ErrorKind::unsupported, "softmax", "no CUDA kernel for {}", dtype_name(args.dtype));
  }
}

}  // namespace gradus::kernels
