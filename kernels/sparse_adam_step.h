// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/index_array.h"
#include "kernels/optimizer_step.h"

namespace gradus::kernels {

// Adam on the rows of a table that were looked up: as adam_step (kernels/adam_step.h, without
// weight decay) on each row that `indices` names, whose gradient is the sum of the rows of grad
// that stand at its index, in their order; every other row of all outputs is its input's. The
// moments of a row that is not looked up do not decay, as in torch.optim.SparseAdam, from which it
// differs by where eps stands (there before the correction of bias). Requires: weight, exp_avg,
// exp_avg_sq and their outputs (rows, width), grad (count, width), all of `dtype`, f32 or f64;
// outputs may be the memory of their inputs; workspace of sparse_adam_workspace(count) bytes.
// Throws Error(bad_data), before anything is written, for an index outside [0, rows).
struct SparseAdamStepArgs {
  DType dtype;
  int64_t rows, width, count;
  const void* weight;
  const void* grad;
  IndexArray indices;
  const void* exp_avg;
  const void* exp_avg_sq;
  void* new_weight;
  void* new_exp_avg;
  void* new_exp_avg_sq;
  StepControl control;
  double beta1, beta2, eps;
  bool maximize;
  void* workspace;
};

int64_t sparse_adam_workspace(int64_t count);
void sparse_adam_step_cpu(const SparseAdamStepArgs& args);

}  // namespace gradus::kernels
