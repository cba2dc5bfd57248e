// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "engine/base/dtype.h"
#include "engine/base/stream_handle.h"
#include "kernels/index_array.h"

namespace gradus::kernels {

// out = x (zeros without one), then out[o, index[j], i] += alpha * source[o, j, i] for j = 0, 1,
// ... in this order; x and out are (outer, dim, inner), source is (outer, count, inner). A j whose
// index is `skip` adds nothing (embedding's padding_idx). Serves index_add and the gradients of
// index_select and embedding. Threads split outer and columns of inner, never j, so the sums do not
// depend on them. Requires: dense row-major; dtype is f32, f64 or a whole type (alpha is truncated
// to it); out may be the memory of x. Throws Error(bad_data), naming `op`, for an index outside [0,
// dim).
struct IndexAddArgs {
  std::string_view op;
  DType dtype;
  const void* x;  // null: zeros
  IndexArray index;
  const void* source;
  void* out;
  int64_t outer, dim, inner, count;
  double alpha = 1.0;
  int64_t skip = -1;
};

void index_add_cpu(const IndexAddArgs& args);
// f32 with alpha 1: columns in blocks that vectorise.
void index_add_cpu_blocked(const IndexAddArgs& args);
// f64, f32, i64, i32, and f16, bf16 summed in f32. A kernel cannot throw: what an index outside of
// out names is left out.
void index_add_cuda(const IndexAddArgs& args, StreamHandle stream);
bool index_add_cuda_takes(DType dtype);

}  // namespace gradus::kernels
