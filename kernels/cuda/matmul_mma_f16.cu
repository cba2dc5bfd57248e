// SPDX-License-Identifier: Apache-2.0
// Matmul of f16 on the tensor cores.
#include "kernels/cuda/matmul_mma.h"
#include "kernels/cuda/matmul_variants.h"

namespace gradus::kernels {

void matmul_mma_f16(const MatmulArgs& args, StreamHandle stream) {
  matmul_mma_typed<f16>(args, stream);
}

}  // namespace gradus::kernels
