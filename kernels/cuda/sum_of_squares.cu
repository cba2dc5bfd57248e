// SPDX-License-Identifier: Apache-2.0
// The norm over several tensors: a block sums the squares of a piece of 2^14 elements in f64, and
// one block folds the pieces, in order. Not measured on hardware.
#include "kernels/sum_of_squares.h"

#include "kernels/common/convert.h"
#include "kernels/common/launch.h"
#include "kernels/common/reduce.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;
constexpr int64_t piece_elements = int64_t{1} << 14;

struct Tensors {
  const void* x[most_squared_tensors];
  int64_t n[most_squared_tensors];
  int64_t first_piece[most_squared_tensors + 1];  // of the launch
  DType dtype[most_squared_tensors];
  bool vectors[most_squared_tensors];
  int count;
};

template <class T>
DEV double sum_piece(const T* x, int64_t begin, int64_t end, bool vectors) {
  constexpr int V = widest<T>;
  double sums[V] = {};
  int64_t i = begin + int64_t{threadIdx.x} * V;
  if (vectors) {
    for (; i + V <= end; i += threads * V) {
      const Vector<T, V> values = load_vector<V>(x + i);
#pragma unroll
      for (int j = 0; j < V; ++j) {
        const double value = widen(values.at[j]);
        sums[j] += value * value;
      }
    }
  }
  for (; i < end; i += threads * V)
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const double value = i + j < end ? static_cast<double>(widen(x[i + j])) : 0.0;
      sums[j] += value * value;
    }
#pragma unroll
  for (int j = 1; j < V; ++j) sums[0] += sums[j];
  return sums[0];
}

__global__ void __launch_bounds__(threads)
    sum_of_squares(const __grid_constant__ Tensors tensors, double* partial) {
  const int64_t piece = blockIdx.x;
  int t = 0;
  while (piece >= tensors.first_piece[t + 1]) ++t;
  const int64_t begin = (piece - tensors.first_piece[t]) * piece_elements;
  const int64_t end = begin + piece_elements < tensors.n[t] ? begin + piece_elements : tensors.n[t];
  double sum = 0;
  switch (tensors.dtype[t]) {
    case DType::f64:
      sum = sum_piece(static_cast<const double*>(tensors.x[t]), begin, end, tensors.vectors[t]);
      break;
    case DType::f32:
      sum = sum_piece(static_cast<const float*>(tensors.x[t]), begin, end, tensors.vectors[t]);
      break;
    case DType::f16:
      sum = sum_piece(static_cast<const f16*>(tensors.x[t]), begin, end, tensors.vectors[t]);
      break;
    default:
      sum = sum_piece(static_cast<const bf16*>(tensors.x[t]), begin, end, tensors.vectors[t]);
  }
  sum = block_reduce<threads>(sum, Sum());
  if (threadIdx.x == 0) partial[piece] = sum;
}

__global__ void __launch_bounds__(threads)
    root_of_pieces(const double* partial, int64_t pieces, void* out, DType dtype) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < pieces; i += threads) sum += partial[i];
  sum = sqrt(block_reduce<threads>(sum, Sum()));
  if (threadIdx.x != 0) return;
  if (dtype == DType::f64)
    *static_cast<double*>(out) = sum;
  else if (dtype == DType::f32)
    *static_cast<float*>(out) = static_cast<float>(sum);
  else if (dtype == DType::f16)
    *static_cast<f16*>(out) = narrow<f16>(static_cast<float>(sum));
  else
    *static_cast<bf16*>(out) = narrow<bf16>(static_cast<float>(sum));
}

}  // namespace

void sums_of_squares_cuda(std::span<const SquaredTensor> tensors, double* partial,
                          StreamHandle stream) {
  GRADUS_ASSERT(tensors.size() <= most_squared_tensors, "{} tensors are too many for one launch",
                tensors.size());
  Tensors table = {};
  int64_t pieces = 0;
  for (const SquaredTensor& from : tensors) {
    if (from.n == 0) continue;
    const int t = table.count++;
    table.x[t] = from.x;
    table.n[t] = from.n;
    table.dtype[t] = from.dtype;
    table.vectors[t] = reinterpret_cast<uintptr_t>(from.x) % 16 == 0;
    pieces += square_pieces(from.n);
    table.first_piece[t + 1] = pieces;
  }
  if (pieces == 0) return;
  GRADUS_CHECK(pieces <= 0x7fffffff, "[global_norm] {} pieces are more than one launch can take",
               pieces);
  launch(sum_of_squares,
         {.grid = {static_cast<unsigned>(pieces)}, .block = {threads}, .stream = stream}, table,
         partial);
}

void root_of_pieces_cuda(const double* partial, int64_t pieces, DType dtype, void* out,
                         StreamHandle stream) {
  launch(root_of_pieces, {.grid = {1}, .block = {threads}, .stream = stream}, partial, pieces, out,
         dtype);
}

}  // namespace gradus::kernels
