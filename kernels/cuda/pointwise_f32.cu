// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/pointwise_kernel.h"

namespace gradus::kernels {

void launch_pointwise_f32(const PointwiseProgram& program, StreamHandle stream) {
  launch_pointwise<float>(program, stream);
}

}  // namespace gradus::kernels
