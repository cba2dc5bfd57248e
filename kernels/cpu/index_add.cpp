// SPDX-License-Identifier: Apache-2.0
#include "kernels/index_add.h"

#include <algorithm>
#include <cstring>

#include "engine/base/parallel.h"
#include "kernels/cpu/element.h"

namespace gradus::kernels {
namespace {

// Columns that one task adds: a quarter of a row, within limits.
int64_t column_block(int64_t inner) { return std::clamp<int64_t>(inner / 4 / 16 * 16, 64, 512); }

constexpr int64_t start_bytes = 1 << 18;

void start(const IndexAddArgs& args) {
  if (args.x == args.out) return;
  const int64_t bytes = dtype_bytes(args.dtype, args.outer * args.dim * args.inner);
  parallel_range(bytes, start_bytes, [&](int64_t begin, int64_t end) {
    char* to = static_cast<char*>(args.out) + begin;
    const size_t count = static_cast<size_t>(end - begin);
    if (args.x == nullptr) {
      std::memset(to, 0, count);
    } else {
      std::memcpy(to, static_cast<const char*>(args.x) + begin, count);
    }
  });
}

// Adds columns [begin, end) of outer slice `o`.
template <class T>
void add_columns(const IndexAddArgs& args, int64_t o, int64_t begin, int64_t end) {
  using Given = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  const T alpha = static_cast<T>(static_cast<Given>(args.alpha));
  for (int64_t j = 0; j < args.count; ++j) {
    const int64_t index = args.index.checked(j, args.dim, args.op);
    if (index == args.skip) continue;
    const T* from = static_cast<const T*>(args.source) + (o * args.count + j) * args.inner;
    T* to = static_cast<T*>(args.out) + (o * args.dim + index) * args.inner;
    for (int64_t i = begin; i < end; ++i) to[i] = multiply_add(to[i], alpha, from[i]);
  }
}

}  // namespace

void index_add_cpu(const IndexAddArgs& args) {
  start(args);
  dispatch_number(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.outer, [&](int64_t o) { add_columns<T>(args, o, 0, args.inner); });
  });
}

void index_add_cpu_blocked(const IndexAddArgs& args) {
  start(args);
  const int64_t columns = column_block(args.inner);
  const int64_t blocks = (args.inner + columns - 1) / columns;
  parallel_for(args.outer * blocks, [&](int64_t chunk) {
    const FlushDenormals flush;
    const int64_t o = chunk / blocks, begin = chunk % blocks * columns;
    const int64_t end = std::min(begin + columns, args.inner);
    for (int64_t j = 0; j < args.count; ++j) {
      const int64_t index = args.index.checked(j, args.dim, args.op);
      if (index == args.skip) continue;
      const float* from =
          static_cast<const float*>(args.source) + (o * args.count + j) * args.inner;
      float* to = static_cast<float*>(args.out) + (o * args.dim + index) * args.inner;
      for (int64_t i = begin; i < end; ++i) to[i] += from[i];
    }
  });
}

}  // namespace gradus::kernels
