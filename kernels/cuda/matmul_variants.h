// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels behind matmul_cuda, one file each.
#pragma once

#include "kernels/matmul.h"

namespace gradus::kernels {

void matmul_mma_bf16(const MatmulArgs& args, StreamHandle stream);
void matmul_mma_f16(const MatmulArgs& args, StreamHandle stream);
void matmul_mma_tf32(const MatmulArgs& args, StreamHandle stream);
void matmul_simt(const MatmulArgs& args, StreamHandle stream);  // f32, f64

}  // namespace gradus::kernels
