// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// Copies `rows` runs of `row_bytes` bytes: run r from x + r * x_pitch to out + r * out_pitch
// (pitches in bytes). Serves cat and split, whose parts are such blocks. Requires: pitches are at
// least row_bytes; x and out do not overlap.
struct BlockCopyArgs {
  int64_t rows;
  int64_t row_bytes;
  const void* x;
  int64_t x_pitch;
  void* out;
  int64_t out_pitch;
};

void block_copy_cpu(const BlockCopyArgs& args);
void block_copy_cuda(const BlockCopyArgs& args, StreamHandle stream);

}  // namespace gradus::kernels
