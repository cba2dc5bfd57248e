// SPDX-License-Identifier: Apache-2.0
#include "kernels/index_select.h"

#include <cstring>

#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t chunk_bytes = 1 << 15;

}  // namespace

void index_select_cpu(const IndexSelectArgs& args) {
  const char* x = static_cast<const char*>(args.x);
  char* out = static_cast<char*>(args.out);
  const int64_t bytes = args.inner_bytes;
  parallel_range(args.outer * args.count, 1 + chunk_bytes / (bytes + 1),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t row = begin; row < end; ++row) {
                     const int64_t index = args.index.checked(row % args.count, args.dim, args.op);
                     const int64_t from = row / args.count * args.dim + index;
                     if (bytes > 0)
                       std::memcpy(out + row * bytes, x + from * bytes, static_cast<size_t>(bytes));
                   }
                 });
}

}  // namespace gradus::kernels
