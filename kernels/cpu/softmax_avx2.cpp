// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/softmax_lanes.h"

namespace gradus::kernels {

void softmax_avx2(const SoftmaxArgs& args) { softmax_rows(args); }

void softmax_backward_avx2(const SoftmaxBackwardArgs& args) { softmax_backward_rows(args); }

}  // namespace gradus::kernels
