// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/optimizer_step.h"

namespace gradus::kernels {

// RMSProp (Hinton 2012; centered: Graves 2013) as torch.optim.RMSprop:
//   g = +-scale * grad + weight_decay * w
//   v = alpha * v + (1 - alpha) * g^2
//   d = sqrt(v) + eps, or with grad_avg: a = a + (1 - alpha) * (g - a); d = sqrt(v - a^2) + eps
//   w = w - lr * g / d, or with momentum_buffer: b = momentum * b + g / d; w = w - lr * b
// Requires: all arrays of n elements of `dtype`, f32 or f64; grad_avg and momentum_buffer may be
// null, with their outputs.
struct RmspropStepArgs {
  DType dtype;
  int64_t n;
  const void* weight;
  const void* grad;
  const void* square_avg;
  const void* momentum_buffer;
  const void* grad_avg;
  void* new_weight;
  void* new_square_avg;
  void* new_momentum_buffer;
  void* new_grad_avg;
  StepControl control;
  double alpha, eps, weight_decay, momentum;
  bool maximize;
};

void rmsprop_step_cpu(const RmspropStepArgs& args);
void rmsprop_step_cpu_vector(const RmspropStepArgs& args);  // f32

}  // namespace gradus::kernels
