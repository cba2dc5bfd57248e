// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul.h"

#include "engine/base/error.h"
#include "kernels/cuda/matmul_variants.h"

namespace gradus::kernels {

void matmul_cuda(const MatmulArgs& args, StreamHandle stream) {
  constexpr int64_t largest = (int64_t{1} << 30) - 1;
  GRADUS_CHECK(args.m <= largest && args.n <= largest && args.k <= largest,
               "[matmul] expected m, n, k up to {}, got {}, {}, {}", largest, args.m, args.n,
               args.k);
  if (args.batch.numel() == 0 || args.m == 0 || args.n == 0) return;
  switch (args.dtype) {
    case DType::bf16:
      return matmul_mma_bf16(args, stream);
    case DType::f16:
      return matmul_mma_f16(args, stream);
    case DType::f32:
      return args.allow_tf32 ? matmul_mma_tf32(args, stream) : matmul_simt(args, stream);
    case DType::f64:
      return matmul_simt(args, stream);
    default:
      failf(ErrorKind::unsupported, "matmul", "no CUDA kernel for {}", dtype_name(args.dtype));
  }
}

}  // namespace gradus::kernels
