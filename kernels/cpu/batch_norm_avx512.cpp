// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/batch_norm_lanes.h"

namespace gradus::kernels {

void batch_norm_avx512(const BatchNormArgs& args) { batch_norm(args); }

void batch_norm_backward_avx512(const BatchNormBackwardArgs& args) { batch_norm_backward(args); }

}  // namespace gradus::kernels
