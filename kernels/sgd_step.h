// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/base/stream_handle.h"
#include "kernels/optimizer_step.h"

namespace gradus::kernels {

// Gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013) where a
// buffer is given, as torch.optim.SGD:
//   g = +-scale * grad + weight_decay * w
//   b = momentum * b + (1 - dampening) * g          (b = g at step 1)
//   w = w - lr * (nesterov ? g + momentum * b : b)
// lr_inside: the learning rate enters the buffer, so a change of it acts gradually:
//   b = momentum * b + lr * (1 - dampening) * g;  w = w - (nesterov ? lr * g + momentum * b : b)
// Requires: all arrays of n elements of `dtype`, f32 or f64.
struct SgdStepArgs {
  DType dtype;
  int64_t n;
  const void* weight;
  const void* grad;
  const void* momentum_buffer;  // null: no momentum
  void* new_weight;
  void* new_momentum_buffer;
  StepControl control;
  double momentum, dampening, weight_decay;
  bool nesterov, maximize, lr_inside;
};

void sgd_step_cpu(const SgdStepArgs& args);
void sgd_step_cpu_vector(const SgdStepArgs& args);  // f32
// f64, and f32, f16, bf16 computed in f32.
void sgd_step_cuda(const SgdStepArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
