// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention_decode.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

// The next cache of one (sequence, key head): a copy where it lives elsewhere, and the new row.
template <class T>
void extend(const void* cache, const void* row, void* next, int64_t index, int64_t position,
            int64_t capacity, int64_t depth) {
  T* out = static_cast<T*>(next) + index * capacity * depth;
  if (next != cache)
    std::copy_n(static_cast<const T*>(cache) + index * capacity * depth, capacity * depth, out);
  std::copy_n(static_cast<const T*>(row) + index * depth, depth, out + position * depth);
}

template <class T>
void attend(const AttentionDecodeArgs& args, int64_t head) {
  const int64_t b = head / args.heads, group = args.heads / args.key_heads;
  const int64_t shared = b * args.key_heads + head % args.heads / group;
  const int64_t rows = args.position[b * args.position_step] + 1;
  const T* q = static_cast<const T*>(args.query) + head * args.depth;
  const T* k = static_cast<const T*>(args.next_key_cache) + shared * args.capacity * args.depth;
  const T* v =
      static_cast<const T*>(args.next_value_cache) + shared * args.capacity * args.value_depth;
  double* weights = static_cast<double*>(args.workspace) + head * args.capacity;
  double top = -std::numeric_limits<double>::infinity(), total = 0;
  for (int64_t j = 0; j < rows; ++j) {
    double dot = 0;
    for (int64_t e = 0; e < args.depth; ++e)
      dot += static_cast<double>(q[e]) * static_cast<double>(k[j * args.depth + e]);
    weights[j] = dot * args.scale;
    if (weights[j] > top || std::isnan(weights[j])) top = weights[j];
  }
  for (int64_t j = 0; j < rows; ++j) total += weights[j] = std::exp(weights[j] - top);
  for (int64_t e = 0; e < args.value_depth; ++e) {
    double sum = 0;
    for (int64_t j = 0; j < rows; ++j)
      sum += weights[j] * static_cast<double>(v[j * args.value_depth + e]);
    static_cast<T*>(args.out)[head * args.value_depth + e] = static_cast<T>(sum / total);
  }
}

}  // namespace

void attention_decode_cpu(const AttentionDecodeArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.batch * args.key_heads, [&](int64_t i) {
      const int64_t position = args.position[i / args.key_heads * args.position_step];
      extend<T>(args.key_cache, args.key, args.next_key_cache, i, position, args.capacity,
                args.depth);
      extend<T>(args.value_cache, args.value, args.next_value_cache, i, position, args.capacity,
                args.value_depth);
    });
    parallel_for(args.batch * args.heads, [&](int64_t head) { attend<T>(args, head); });
  });
}

}  // namespace gradus::kernels
