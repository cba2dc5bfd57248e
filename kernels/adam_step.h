// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/base/stream_handle.h"
#include "kernels/optimizer_step.h"

namespace gradus::kernels {

// Adam (Kingma and Ba 2014) as torch.optim.Adam, and with `decoupled` AdamW (Loshchilov and Hutter
// 2017) as torch.optim.AdamW; t = step:
//   g = +-scale * grad (+ weight_decay * w unless decoupled);  decoupled: w = w * (1 - lr *
//   weight_decay)
//   m = m + (1 - beta1) * (g - m);  v = beta2 * v + (1 - beta2) * g^2
//   with max_exp_avg_sq (AMSGrad, Reddi et al. 2018): x = max(x, v), which replaces v below
//   w = w - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// Without weight decay both forms give the same bits. Requires: all arrays of n elements of
// `dtype`, f32 or f64; max_exp_avg_sq may be null, with its output.
struct AdamStepArgs {
  DType dtype;
  int64_t n;
  const void* weight;
  const void* grad;
  const void* exp_avg;
  const void* exp_avg_sq;
  const void* max_exp_avg_sq;
  void* new_weight;
  void* new_exp_avg;
  void* new_exp_avg_sq;
  void* new_max_exp_avg_sq;
  StepControl control;
  double beta1, beta2, eps, weight_decay;
  bool maximize, decoupled;
};

void adam_step_cpu(const AdamStepArgs& args);
void adam_step_cpu_vector(const AdamStepArgs& args);  // f32
// f64, and f32, f16, bf16 computed in f32.
void adam_step_cuda(const AdamStepArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
