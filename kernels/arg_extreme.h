// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// index[o, i] = the first d at which x[o, d, i] is largest (or smallest); the first NaN wins over
// everything. Requires: x dense row-major of an arithmetic type (CPU: any but bool and reduced
// floats), dim >= 1.
struct ArgExtremeArgs {
  DType dtype;
  const void* x;
  int64_t* index;
  int64_t outer, dim, inner;
  bool largest;
};

void arg_extreme_cpu(const ArgExtremeArgs& args);
// f64, f32, f16, bf16, i64, i32.
void arg_extreme_cuda(const ArgExtremeArgs& args, StreamHandle stream);
bool arg_extreme_cuda_takes(DType dtype);

}  // namespace gradus::kernels
