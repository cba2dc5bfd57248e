// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// y[o, d, i] = exp(x[o, d, i] - max_d x) / sum_d exp(x - max), over the middle dim of (outer, dim,
// inner). log: y = x - max - log(sum).  Requires: dense row-major. CPU: f32, f64. x and y may be
// the same memory.
struct SoftmaxArgs {
  DType dtype;
  const void* x;
  void* y;
  int64_t outer, dim, inner;
  bool log = false;
};

void softmax_cpu(const SoftmaxArgs& args);
void softmax_cuda(const SoftmaxArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
