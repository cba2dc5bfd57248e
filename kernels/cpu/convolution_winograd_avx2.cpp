// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/convolution_winograd_lanes.h"

namespace gradus::kernels {

void convolution_winograd_avx2(const WinogradProduct& p, float* workspace) {
  convolution_winograd(p, workspace);
}

}  // namespace gradus::kernels
