// SPDX-License-Identifier: Apache-2.0
// Matmul of bf16 on the tensor cores.
#include "kernels/cuda/matmul_mma.h"
#include "kernels/cuda/matmul_variants.h"

namespace gradus::kernels {

void matmul_mma_bf16(const MatmulArgs& args, StreamHandle stream) {
  matmul_mma_typed<bf16>(args, stream);
}

}  // namespace gradus::kernels
