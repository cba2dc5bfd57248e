// SPDX-License-Identifier: Apache-2.0
// argmax and argmin. Where the dim is innermost a warp or a block shares a line; else a thread has
// one and neighbouring threads read neighbours. Not measured on hardware.
#include "kernels/arg_extreme.h"

#include "kernels/common/convert.h"
#include "kernels/common/division.h"
#include "kernels/common/launch.h"
#include "kernels/common/shared.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;

template <class T>
DEV auto comparable(T value) {
  if constexpr (sizeof(T) == 2)
    return widen(value);
  else
    return value;
}

// An element and where it stands; -1 for none.
template <class X>
struct Candidate {
  X value;
  int64_t at;
};

// The better of two: NaN before everything, then the extreme, then the first.
template <class X>
DEV Candidate<X> better(const Candidate<X>& a, const Candidate<X>& b, bool largest) {
  if (a.at < 0) return b;
  if (b.at < 0) return a;
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan != b_nan) return a_nan ? a : b;
  const bool equal = a_nan || a.value == b.value;
  if (equal) return a.at < b.at ? a : b;
  return (largest ? a.value > b.value : a.value < b.value) ? a : b;
}

template <class X>
DEV Candidate<X> best_of_warp(Candidate<X> own, bool largest) {
#pragma unroll
  for (int offset = warp_size / 2; offset > 0; offset /= 2) {
    Candidate<X> other;
    other.value = __shfl_xor_sync(full_warp, own.value, offset);
    other.at = __shfl_xor_sync(full_warp, own.at, offset);
    own = better(own, other, largest);
  }
  return own;
}

template <class X>
DEV Candidate<X> best_of_block(Candidate<X> own, bool largest) {
  constexpr int warps = threads / warp_size;
  SHARED(values, X[warps]);
  SHARED(places, int64_t[warps]);
  own = best_of_warp(own, largest);
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  if (lane == 0) {
    values[threadIdx.x / warp_size] = own.value;
    places[threadIdx.x / warp_size] = own.at;
  }
  __syncthreads();
  Candidate<X> other{X(0), -1};
  if (lane < warps) {
    other.value = values[lane];
    other.at = places[lane];
  }
  return best_of_warp(other, largest);
}

struct Lines {
  int64_t count, dim, inner;
  bool largest;
};

template <class T, int Lanes>
__global__ void __launch_bounds__(threads)
    arg_extreme(const T* x, int64_t* index, const Lines lines) {
  const int64_t line = int64_t{blockIdx.x} * (threads / Lanes) + threadIdx.x / Lanes;
  if (line >= lines.count) return;  // all threads of a line together
  const int lane = static_cast<int>(threadIdx.x) % Lanes;
  const Quotient at = quotient_of(line, lines.inner);
  const T* from = x + at.whole * lines.dim * lines.inner + at.rest;
  using X = decltype(comparable(T{}));
  Candidate<X> best{X(0), -1};
  for (int64_t d = lane; d < lines.dim; d += Lanes)
    best = better(best, Candidate<X>{comparable(from[d * lines.inner]), d}, lines.largest);
  if constexpr (Lanes == warp_size) best = best_of_warp(best, lines.largest);
  if constexpr (Lanes > warp_size) best = best_of_block(best, lines.largest);
  if (lane == 0) index[line] = best.at;
}

template <class T>
void launch_typed(const ArgExtremeArgs& args, StreamHandle stream) {
  constexpr int64_t short_line = 1024;
  const Lines lines{args.outer * args.inner, args.dim, args.inner, args.largest};
  const int lanes = args.inner > 1 ? 1 : args.dim <= short_line ? warp_size : threads;
  const int64_t per_block = threads / lanes;
  const int64_t blocks = (lines.count + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[argmax] {} results are more than one launch can take",
               lines.count);
  launch(lanes == 1           ? arg_extreme<T, 1>
         : lanes == warp_size ? arg_extreme<T, warp_size>
                              : arg_extreme<T, threads>,
         {.grid = {static_cast<unsigned>(blocks)}, .block = {threads}, .stream = stream},
         static_cast<const T*>(args.x), args.index, lines);
}

}  // namespace

bool arg_extreme_cuda_takes(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 ||
         dtype == DType::bf16 || dtype == DType::i64 || dtype == DType::i32;
}

void arg_extreme_cuda(const ArgExtremeArgs& args, StreamHandle stream) {
  if (args.outer * args.inner == 0) return;
  switch (args.dtype) {
    case DType::f64:
      return launch_typed<double>(args, stream);
    case DType::f32:
      return launch_typed<float>(args, stream);
    case DType::f16:
      return launch_typed<f16>(args, stream);
    case DType::bf16:
      return launch_typed<bf16>(args, stream);
    case DType::i64:
      return launch_typed<int64_t>(args, stream);
    default:
      return launch_typed<int32_t>(args, stream);
  }
}

}  // namespace gradus::kernels
