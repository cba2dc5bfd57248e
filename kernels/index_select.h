// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "engine/base/stream_handle.h"
#include "kernels/index_array.h"

namespace gradus::kernels {

// out[o, j, :] = x[o, index[j], :] for o < outer, j < count; x is (outer, dim, inner_bytes), out
// (outer, count, inner_bytes). Serves index_select and embedding (outer 1). Requires: dense
// row-major; x and out do not overlap. Throws Error(bad_data), naming `op`, for an index outside
// [0, dim).
struct IndexSelectArgs {
  std::string_view op;
  const void* x;
  IndexArray index;
  void* out;
  int64_t outer, dim, inner_bytes, count;
};

void index_select_cpu(const IndexSelectArgs& args);
// A kernel cannot throw: an index outside of x gives bytes of ones, NaN in floating types.
void index_select_cuda(const IndexSelectArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
