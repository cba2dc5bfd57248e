// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/dtype.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// partial[c] = the sum of x[i]^2 in f64 over piece c of x: elements c * 2^14 and on. The caller
// adds the pieces in order, so the result does not depend on threads. Requires: f32 or f64;
// `partial` holds square_pieces(n) elements.
struct SumOfSquaresArgs {
  DType dtype;
  const void* x;
  int64_t n;
  double* partial;
};

constexpr int64_t square_pieces(int64_t n) { return (n + (1 << 14) - 1) >> 14; }

void sum_of_squares_cpu(const SumOfSquaresArgs& args);

struct SquaredTensor {
  DType dtype;
  const void* x;
  int64_t n;
};
inline constexpr size_t most_squared_tensors = 32;  // of one launch

// partial[...] = the sums of all pieces of each tensor, one tensor after the other. Types: f64,
// f32, f16, bf16. Requires: at most most_squared_tensors.
void sums_of_squares_cuda(std::span<const SquaredTensor> tensors, double* partial,
                          StreamHandle stream);
// out = the square root of the sum of the pieces; f64, f32, f16 or bf16.
void root_of_pieces_cuda(const double* partial, int64_t pieces, DType dtype, void* out,
                         StreamHandle stream);

}  // namespace gradus::kernels
