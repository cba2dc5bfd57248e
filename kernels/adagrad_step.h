// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/optimizer_step.h"

namespace gradus::kernels {

// AdaGrad (Duchi et al. 2011) as torch.optim.Adagrad:
//   g = +-scale * grad + weight_decay * w;  s = s + g^2
//   w = w - lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps)
// Requires: all arrays of n elements of `dtype`, f32 or f64.
struct AdagradStepArgs {
  DType dtype;
  int64_t n;
  const void* weight;
  const void* grad;
  const void* state_sum;
  void* new_weight;
  void* new_state_sum;
  StepControl control;
  double lr_decay, weight_decay, eps;
  bool maximize;
};

void adagrad_step_cpu(const AdagradStepArgs& args);
void adagrad_step_cpu_vector(const AdagradStepArgs& args);  // f32

}  // namespace gradus::kernels
