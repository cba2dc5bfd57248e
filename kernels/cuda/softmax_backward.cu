// SPDX-License-Identifier: Apache-2.0
// The gradients of softmax and log_softmax over the middle dim of (outer, dim, inner). inner == 1:
// a row is held in registers by a warp or a block where it fits, else read twice; inner > 1: a
// thread has a line, and neighbouring threads read neighbours. Not measured on hardware.
#include "kernels/common/division.h"
#include "kernels/cuda/row_lanes.h"
#include "kernels/cuda/running_softmax.h"
#include "kernels/softmax.h"

namespace gradus::kernels {
namespace {

// dx of one element; total is sum_d y * dy, log: sum_d dy.
template <bool Log, class C>
DEV C slope(C g, C y, C total) {
  if constexpr (Log) return g - exponential(y) * total;
  return y * (g - total);
}

template <bool Log, class C>
DEV C share(C g, C y) {
  return Log ? g : g * y;
}

template <class T, int V, int Lanes, bool Log>
__global__ void __launch_bounds__(row_threads)
    softmax_backward_held(const T* dy, const T* y, T* dx, int64_t rows, int64_t dim) {
  using C = Compute<T>;
  const int64_t row = row_number<Lanes>();
  if (row >= rows) return;
  const int64_t start = row * dim;
  C g[row_vectors][V], p[row_vectors][V];
  C sum = C(0);
#pragma unroll
  for (int i = 0; i < row_vectors; ++i) {
    const int64_t at = (int64_t{i} * Lanes + row_lane<Lanes>()) * V;
    if (at >= dim) continue;
    read_wide<V>(g[i], dy + start + at);
    read_wide<V>(p[i], y + start + at);
#pragma unroll
    for (int j = 0; j < V; ++j) sum += share<Log>(g[i][j], p[i][j]);
  }
  const C total = row_reduce<Lanes>(sum, Sum());
#pragma unroll
  for (int i = 0; i < row_vectors; ++i) {
    const int64_t at = (int64_t{i} * Lanes + row_lane<Lanes>()) * V;
    if (at >= dim) continue;
    C result[V];
#pragma unroll
    for (int j = 0; j < V; ++j) result[j] = slope<Log>(g[i][j], p[i][j], total);
    write_narrow<V>(dx + start + at, result);
  }
}

template <class T, int V, bool Log>
__global__ void __launch_bounds__(row_threads)
    softmax_backward_streaming(const T* dy, const T* y, T* dx, int64_t dim) {
  using C = Compute<T>;
  const int64_t start = int64_t{blockIdx.x} * dim;
  const int64_t first = int64_t{threadIdx.x} * V;
  C g[V], p[V], sum = C(0);
  for (int64_t at = first; at < dim; at += row_threads * V) {
    read_wide<V>(g, dy + start + at);
    read_wide<V>(p, y + start + at);
#pragma unroll
    for (int j = 0; j < V; ++j) sum += share<Log>(g[j], p[j]);
  }
  const C total = row_reduce<row_threads>(sum, Sum());
  for (int64_t at = first; at < dim; at += row_threads * V) {
    read_wide<V>(g, dy + start + at);
    read_wide<V>(p, y + start + at);
    C result[V];
#pragma unroll
    for (int j = 0; j < V; ++j) result[j] = slope<Log>(g[j], p[j], total);
    write_narrow<V>(dx + start + at, result);
  }
}

template <class T, bool Log>
__global__ void __launch_bounds__(row_threads)
    softmax_backward_lines(const T* dy, const T* y, T* dx, int64_t lines, int64_t dim,
                           int64_t inner) {
  using C = Compute<T>;
  const int64_t line = int64_t{blockIdx.x} * row_threads + threadIdx.x;
  if (line >= lines) return;
  const Quotient place = quotient_of(line, inner);
  const int64_t start = place.whole * dim * inner + place.rest;
  C total = C(0);
  for (int64_t d = 0; d < dim; ++d)
    total += share<Log>(C(widen(dy[start + d * inner])), C(widen(y[start + d * inner])));
  for (int64_t d = 0; d < dim; ++d) {
    const int64_t at = start + d * inner;
    dx[at] = narrow<T>(slope<Log>(C(widen(dy[at])), C(widen(y[at])), total));
  }
}

template <class T, int V, bool Log>
void launch_rows(const SoftmaxBackwardArgs& a, StreamHandle stream) {
  const T *dy = static_cast<const T*>(a.dy), *y = static_cast<const T*>(a.y);
  T* const dx = static_cast<T*>(a.dx);
  const RowForm form(a.dim, V);
  const LaunchConfig config = row_config("softmax_backward", a.outer, form.lanes, stream);
  if (!form.held) return launch(softmax_backward_streaming<T, V, Log>, config, dy, y, dx, a.dim);
  launch(form.lanes == warp_size ? softmax_backward_held<T, V, warp_size, Log>
                                 : softmax_backward_held<T, V, row_threads, Log>,
         config, dy, y, dx, a.outer, a.dim);
}

template <class T, bool Log>
void launch_typed(const SoftmaxBackwardArgs& a, StreamHandle stream) {
  if (a.inner > 1)
    return launch(softmax_backward_lines<T, Log>,
                  row_config("softmax_backward", a.outer * a.inner, 1, stream),
                  static_cast<const T*>(a.dy), static_cast<const T*>(a.y), static_cast<T*>(a.dx),
                  a.outer * a.inner, a.dim, a.inner);
  const bool vectors =
      vectors_fit<T>(a.dy, a.dim) && vectors_fit<T>(a.y, a.dim) && vectors_fit<T>(a.dx, a.dim);
  vectors ? launch_rows<T, widest<T>, Log>(a, stream) : launch_rows<T, 1, Log>(a, stream);
}

template <class T>
void launch_log(const SoftmaxBackwardArgs& a, StreamHandle stream) {
  a.log ? launch_typed<T, true>(a, stream) : launch_typed<T, false>(a, stream);
}

}  // namespace

void softmax_backward_cuda(const SoftmaxBackwardArgs& args, StreamHandle stream) {
  if (args.outer == 0 || args.dim == 0 || args.inner == 0) return;
  switch (args.dtype) {
    case DType::f64:
      return launch_log<double>(args, stream);
    case DType::f32:
      return launch_log<float>(args, stream);
    case DType::f16:
      return launch_log<f16>(args, stream);
    case DType::bf16:
      return launch_log<bf16>(args, stream);
    default:
      failf(ErrorKind::unsupported, "softmax_backward", "no CUDA kernel for {}",
            dtype_name(args.dtype));
  }
}

}  // namespace gradus::kernels
