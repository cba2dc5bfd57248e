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

// dx = y * (dy - sum_d y * dy); log: dx = dy - exp(y) * sum_d dy. Requires: as above; dx may be the
// memory of dy or y.
struct SoftmaxBackwardArgs {
  DType dtype;
  const void* dy;
  const void* y;
  void* dx;
  int64_t outer, dim, inner;
  bool log = false;
};

void softmax_backward_cpu(const SoftmaxBackwardArgs& args);
void softmax_backward_cuda(const SoftmaxBackwardArgs& args, StreamHandle stream);

// Of f32 along the innermost dim (inner == 1, dim >= 1); exp within 2 ulp.
void softmax_avx2(const SoftmaxArgs& args);
void softmax_avx512(const SoftmaxArgs& args);
void softmax_backward_avx2(const SoftmaxBackwardArgs& args);
void softmax_backward_avx512(const SoftmaxBackwardArgs& args);

}  // namespace gradus::kernels
