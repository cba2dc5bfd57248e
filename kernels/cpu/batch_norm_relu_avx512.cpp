// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/batch_norm_relu_lanes.h"

namespace gradus::kernels {

void batch_norm_relu_avx512(const BatchNormReluArgs& args) { batch_norm_relu(args); }

void batch_norm_relu_backward_avx512(const BatchNormReluBackwardArgs& args) {
  batch_norm_relu_backward(args);
}

}  // namespace gradus::kernels
