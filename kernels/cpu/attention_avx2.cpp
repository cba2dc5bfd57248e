// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/attention_backward.h"
#include "kernels/cpu/attention_forward.h"

namespace gradus::kernels {

void attention_avx2(const AttentionArgs& args) { attention(args); }

void attention_backward_avx2(const AttentionBackwardArgs& args) { attention_backward(args); }

}  // namespace gradus::kernels
