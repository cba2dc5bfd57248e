// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// out[i] = the element whose bytes are the lowest of `bits`. Requires: element_bytes in
// {1, 2, 4, 8}; out is aligned to them.
struct FillArgs {
  int64_t element_bytes;
  uint64_t bits;
  void* out;
  int64_t n;
};

void fill_cuda(const FillArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
