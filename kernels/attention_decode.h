// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

// One step of decoding for each of `batch` sequences: the new key and value become row position[b]
// of the caches, then out = softmax over rows j <= position[b] of scale <query, key_j>, times
// value_j. Requires, dense row-major of `dtype` (f32 or f64): query (batch, heads, depth), key
// (batch, key_heads, depth), value (batch, key_heads, value_depth), caches (batch, key_heads,
// capacity, depth or value_depth), out (batch, heads, value_depth). key_heads divides heads;
// neighbouring heads share a key head. position: i64, one for all or one a sequence (position_step
// 0 or 1), each in [0, capacity). The next caches may be the caches (then only the new rows are
// written). workspace: batch * heads * capacity doubles.
struct AttentionDecodeArgs {
  DType dtype;
  const void *query, *key, *value, *key_cache, *value_cache;
  const int64_t* position;
  int64_t position_step;
  void *out, *next_key_cache, *next_value_cache;
  int64_t batch, heads, key_heads, capacity, depth, value_depth;
  double scale;
  void* workspace;
};

void attention_decode_cpu(const AttentionDecodeArgs& args);

}  // namespace gradus::kernels
