// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul.h"

#include <type_traits>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/activation.h"

namespace gradus::kernels {
namespace {

// Integers wrap around as in PyTorch; unsigned arithmetic defines that.
template <class T>
struct Sum {
  using type = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
};

template <class T>
void matmul_row(const MatmulArgs& args, const T* a, const T* b, T* c, int64_t i) {
  const int64_t a_step = args.transpose_a ? args.lda : 1;
  const int64_t b_step = args.transpose_b ? 1 : args.ldb;
  const T* a_row = a + i * (args.transpose_a ? 1 : args.lda);
  const T* bias = static_cast<const T*>(args.bias);
  for (int64_t j = 0; j < args.n; ++j) {
    using S = typename Sum<T>::type;
    const T* b_column = b + j * (args.transpose_b ? args.ldb : 1);
    S sum = 0;
    for (int64_t k = 0; k < args.k; ++k)
      sum += static_cast<S>(a_row[k * a_step]) * static_cast<S>(b_column[k * b_step]);
    if (args.accumulate) sum += static_cast<S>(c[i * args.ldc + j]);
    if (bias) sum += static_cast<S>(bias[j]);
    if constexpr (std::is_floating_point_v<T>) sum = activate(sum, args.activation);
    c[i * args.ldc + j] = static_cast<T>(sum);
  }
}

bool is_packable(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

}  // namespace

MatmulArgs dense_matmul(DType dtype, int64_t m, int64_t n, int64_t k, bool transpose_a,
                        bool transpose_b) {
  MatmulArgs args;
  args.dtype = dtype;
  args.m = m;
  args.n = n;
  args.k = k;
  args.lda = transpose_a ? m : k;
  args.ldb = transpose_b ? k : n;
  args.ldc = n;
  args.transpose_a = transpose_a;
  args.transpose_b = transpose_b;
  args.c_stride = m * n;
  return args;
}

void matmul_cpu_reference(const MatmulArgs& args) {
  dispatch_stored(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T>) {
      parallel_for(args.batch.numel() * args.m, [&](int64_t row) {
        const int64_t index = row / args.m;
        const MatmulOffsets at = matmul_offsets(args, index);
        matmul_row(args, static_cast<const T*>(args.a) + at.a, static_cast<const T*>(args.b) + at.b,
                   static_cast<T*>(args.c) + index * args.c_stride, row % args.m);
      });
    } else {
      GRADUS_ASSERT(false, "matmul computes in whole types, not {}", dtype_name(args.dtype));
    }
  });
}

void matmul_cpu(const MatmulArgs& args, void* workspace) {
  if (is_packable(args.dtype)) return matmul_cpu_packed(args, workspace);
  matmul_cpu_reference(args);
}

int64_t matmul_cpu_workspace(const MatmulArgs& args) {
  return is_packable(args.dtype) ? matmul_packed_workspace(args) : 0;
}

}  // namespace gradus::kernels
