// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/stream_handle.h"
#include "kernels/activation.h"

namespace gradus::kernels {

// For every index i of `batch` (row-major):
//   c[i] = activation(op(a[i]) op(b[i]) + bias), with accumulate activation(c[i] + ...)
// where op(a) is (m, k) and op(b) is (k, n). A transposed operand is stored as (k, m) or (n, k).
// Row r of a stored matrix starts at r * lda (ldb, ldc) elements; a[i] starts at the sum of i[d] *
// a_strides[d], so stride 0 broadcasts; c[i] at i * c_stride.
// Requires: bias and activation only for floats; c overlaps no operand. CPU: f32, f64 and integers
// (which wrap around). k = 0 gives activation(bias).
struct MatmulArgs {
  DType dtype = DType::f32;
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  int64_t m = 0, n = 0, k = 0;
  int64_t lda = 0, ldb = 0, ldc = 0;
  bool transpose_a = false, transpose_b = false;
  Shape batch = {};
  std::array<int64_t, Shape::max_rank> a_strides{}, b_strides{};
  int64_t c_stride = 0;
  const void* bias = nullptr;  // (n), or null
  Activation activation = Activation::none;
  bool accumulate = false;
  bool allow_tf32 = false;  // CUDA, f32: operands may be rounded to tf32 (10 bits of mantissa)
};

// Element offsets of a[index] and b[index] for a row-major index into `batch`.
struct MatmulOffsets {
  int64_t a = 0, b = 0;
};
inline MatmulOffsets matmul_offsets(const MatmulArgs& args, int64_t index) {
  MatmulOffsets at;
  for (int d = args.batch.rank() - 1; d >= 0; --d) {
    const int64_t i = index % args.batch[d];
    at.a += i * args.a_strides[static_cast<size_t>(d)];
    at.b += i * args.b_strides[static_cast<size_t>(d)];
    index /= args.batch[d];
  }
  return at;
}

// One dense (m, k) x (k, n) product: leading strides follow from the sizes and transposes.
MatmulArgs dense_matmul(DType dtype, int64_t m, int64_t n, int64_t k, bool transpose_a = false,
                        bool transpose_b = false);

// Plain loops; floats accumulate in f64. The truth for the others.
void matmul_cpu_reference(const MatmulArgs& args);

// Cache-blocked with packed operands. Requires: f32 or f64, `workspace` of
// matmul_packed_workspace(args) bytes, 64-byte aligned. An element's products are added in the
// order of k whatever the number of threads.
void matmul_cpu_packed(const MatmulArgs& args, void* workspace);
int64_t matmul_packed_workspace(const MatmulArgs& args);

// What other kernels call: the packed form for f32 and f64, else the reference.
void matmul_cpu(const MatmulArgs& args, void* workspace);
int64_t matmul_cpu_workspace(const MatmulArgs& args);

// f64, f32, f16, bf16; sums in f64 or f32. Requires: m, n, k below 2^30.
void matmul_cuda(const MatmulArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
