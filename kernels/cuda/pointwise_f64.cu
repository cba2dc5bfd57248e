// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/pointwise_kernel.h"

namespace gradus::kernels {

void launch_pointwise_f64(const PointwiseProgram& program, StreamHandle stream) {
  launch_pointwise<double>(program, stream);
}

}  // namespace gradus::kernels
