// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/row_norm_lanes.h"

namespace gradus::kernels {

void row_norm_avx2(const RowNormArgs& args) { row_norm(args); }

void row_norm_backward_avx2(const RowNormBackwardArgs& args) { row_norm_backward(args); }

}  // namespace gradus::kernels
