// SPDX-License-Identifier: Apache-2.0
// Rows of a dense matrix, each shared by a warp or by a block of threads.
#pragma once

#include "kernels/common/convert.h"
#include "kernels/common/launch.h"
#include "kernels/common/reduce.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {

inline constexpr int row_threads = 256;
inline constexpr int row_vectors = 4;  // that a thread holds in registers

// The row of this thread where `Lanes` threads share one; all of a warp have the same.
template <int Lanes>
DEV int64_t row_number() {
  return int64_t{blockIdx.x} * (row_threads / Lanes) + threadIdx.x / Lanes;
}

template <int Lanes>
DEV int row_lane() {
  return static_cast<int>(threadIdx.x) % Lanes;
}

// Over the threads of a row. Between two reductions by one `op` there must be a row_barrier.
template <int Lanes, class C, class Op>
DEV C row_reduce(C value, Op op) {
  if constexpr (Lanes == warp_size) return warp_reduce(value, op);
  return block_reduce<Lanes>(value, op);
}

// For the scratch memory of a block's reductions; warps have none.
template <int Lanes>
DEV void row_barrier() {
  if constexpr (Lanes > warp_size) __syncthreads();
}

// `V` neighbours in what they are computed in.
template <int V, class T>
DEV void read_wide(Compute<T> (&values)[V], const T* from) {
  const Vector<T, V> stored = load_vector<V>(from);
#pragma unroll
  for (int j = 0; j < V; ++j) values[j] = widen(stored.at[j]);
}

template <int V, class T>
DEV void write_narrow(T* to, const Compute<T> (&values)[V]) {
  Vector<T, V> stored;
#pragma unroll
  for (int j = 0; j < V; ++j) stored.at[j] = narrow<T>(values[j]);
  store_vector(to, stored);
}

// How a kernel template <int Lanes, bool Held> takes rows of `cols` elements, V at a time.
struct RowForm {
  int lanes;
  bool held;  // the row fits the threads' registers

  RowForm(int64_t cols, int width)
      : lanes(cols <= int64_t{warp_size} * row_vectors * width ? warp_size : row_threads),
        held(cols <= int64_t{row_threads} * row_vectors * width) {}
};

inline LaunchConfig row_config(std::string_view op, int64_t rows, int lanes, StreamHandle stream) {
  const int64_t per_block = row_threads / lanes;
  const int64_t blocks = (rows + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[{}] {} rows are more than one launch can take", op, rows);
  return {.grid = {static_cast<unsigned>(blocks)}, .block = {row_threads}, .stream = stream};
}

}  // namespace gradus::kernels
