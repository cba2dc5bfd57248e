// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// One step of torch.optim.AdamW (Loshchilov and Hutter 2019, decoupled weight decay) over n
// elements, t = *step counted from 1:
//   p = p (1 - lr weight_decay)
//   m = m + (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2
//   p = p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// with g = grad * *grad_scale. Nothing changes where *skip is not 0. Parameter and moments are f32;
// the gradient is f32, f16 or bf16; `rounded` gets the new parameter in the gradient's dtype.
// Requires: the scalars are on the device; an output may be the memory of its input, else they do
// not overlap.
struct AdamwStepArgs {
  DType grad_dtype;
  const void* grad;
  const float* param;
  const float* exp_avg;
  const float* exp_avg_sq;
  float* new_param;
  float* new_exp_avg;
  float* new_exp_avg_sq;
  void* rounded = nullptr;  // null: not wanted
  int64_t n;
  const float* lr;
  const float* step;
  const float* grad_scale = nullptr;  // null: 1
  const float* skip = nullptr;        // null: never
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 1e-2;
};

void adamw_step_cuda(const AdamwStepArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
