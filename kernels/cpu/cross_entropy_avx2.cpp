// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cross_entropy_lanes.h"

namespace gradus::kernels {

void cross_entropy_avx2(const CrossEntropyArgs& args) { cross_entropy_rows(args); }

void cross_entropy_backward_avx2(const CrossEntropyArgs& args) {
  cross_entropy_backward_rows(args);
}

}  // namespace gradus::kernels
