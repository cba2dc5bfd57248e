// SPDX-License-Identifier: Apache-2.0
// Matmul of f32 rounded to tf32 on the tensor cores.
#include "kernels/cuda/matmul_mma.h"
#include "kernels/cuda/matmul_variants.h"

namespace gradus::kernels {

void matmul_mma_tf32(const MatmulArgs& args, StreamHandle stream) {
  matmul_mma_typed<float>(args, stream);
}

}  // namespace gradus::kernels
