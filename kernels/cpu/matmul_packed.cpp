// SPDX-License-Identifier: Apache-2.0
#include "engine/base/dispatch.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/packed_product.h"
#include "kernels/matmul.h"

namespace gradus::kernels {
namespace {

PackedSizes sizes_of(const MatmulArgs& args) {
  return {args.batch.numel(), args.m, args.n, args.k};
}

template <class T>
struct Matrices : PackedOperands<T> {
  const MatmulArgs& args;

  explicit Matrices(const MatmulArgs& matmul)
      : PackedOperands<T>{sizes_of(matmul), matmul.ldc, matmul.accumulate}, args(matmul) {}

  T* result(int64_t item) const { return static_cast<T*>(args.c) + item * args.c_stride; }

  void pack_columns(int64_t item, int64_t column, int64_t width, T* to) const {
    const T* b = static_cast<const T*>(args.b) + matmul_offsets(args, item).b;
    const int64_t filled = std::min(width, args.n - column);
    if (filled < width) std::fill_n(to, args.k * width, T(0));
    if (args.transpose_b) {
      for (int64_t j = 0; j < filled; ++j) {
        const T* from = b + (column + j) * args.ldb;
        for (int64_t k = 0; k < args.k; ++k) to[k * width + j] = from[k];
      }
    } else {
      for (int64_t k = 0; k < args.k; ++k)
        std::copy_n(b + k * args.ldb + column, filled, to + k * width);
    }
  }

  void pack_rows(int64_t item, int64_t row, int64_t count, int64_t k0, int64_t k1, int64_t height,
                 T* to) const {
    const T* a = static_cast<const T*>(args.a) + matmul_offsets(args, item).a;
    const int64_t row_step = args.transpose_a ? 1 : args.lda;
    const int64_t k_step = args.transpose_a ? args.lda : 1;
    pack_matrix_rows(a + row * row_step + k0 * k_step, row_step, k_step, args.m - row, count,
                     k1 - k0, height, to);
  }

  void finish(int64_t, T* c, int64_t, int64_t rows, int64_t column, int64_t columns) const {
    const T* bias = static_cast<const T*>(args.bias);
    for (int64_t r = 0; r < rows; ++r) {
      T* row = c + r * args.ldc;
      if (bias)
        for (int64_t j = 0; j < columns; ++j) row[j] += bias[column + j];
      if (args.activation == Activation::relu)
        for (int64_t j = 0; j < columns; ++j) row[j] = row[j] <= T(0) ? T(0) : row[j];
      else if (args.activation != Activation::none)
        for (int64_t j = 0; j < columns; ++j) row[j] = activate(row[j], args.activation);
    }
  }
};

}  // namespace

void matmul_cpu_packed(const MatmulArgs& args, void* workspace) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    packed_product<T>(Matrices<T>(args), static_cast<T*>(workspace));
  });
}

int64_t matmul_packed_workspace(const MatmulArgs& args) {
  return dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return packed_product_elements<T>(sizes_of(args)) * static_cast<int64_t>(sizeof(T));
  });
}

}  // namespace gradus::kernels
