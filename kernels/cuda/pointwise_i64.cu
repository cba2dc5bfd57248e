// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/pointwise_kernel.h"

namespace gradus::kernels {

void launch_pointwise_i64(const PointwiseProgram& program, StreamHandle stream) {
  launch_pointwise<int64_t>(program, stream);
}

}  // namespace gradus::kernels
