// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/convolution_winograd_lanes.h"
#include "kernels/cpu/convolution_winograd_weight_lanes.h"

namespace gradus::kernels {

void convolution_winograd_avx512(const WinogradProduct& p, float* workspace) {
  convolution_winograd(p, workspace);
}

void convolution_weight_winograd_avx512(const WinogradProduct& p, const float* slopes,
                                        float* weight_gradient, float* workspace) {
  convolution_weight_winograd(p, slopes, weight_gradient, workspace);
}

}  // namespace gradus::kernels
