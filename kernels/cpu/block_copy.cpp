// SPDX-License-Identifier: Apache-2.0
#include "kernels/block_copy.h"

#include <algorithm>
#include <cstring>

#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t chunk_bytes = 1 << 16;

}  // namespace

// Long rows are cut as well, so that one row of a large tensor uses all threads.
void block_copy_cpu(const BlockCopyArgs& args) {
  if (args.rows == 0 || args.row_bytes == 0) return;
  const char* x = static_cast<const char*>(args.x);
  char* out = static_cast<char*>(args.out);
  if (args.row_bytes >= chunk_bytes) {
    const int64_t cuts = (args.row_bytes + chunk_bytes - 1) / chunk_bytes;
    parallel_for(args.rows * cuts, [&](int64_t chunk) {
      const int64_t row = chunk / cuts, begin = chunk % cuts * chunk_bytes;
      const int64_t bytes = std::min(chunk_bytes, args.row_bytes - begin);
      std::memcpy(out + row * args.out_pitch + begin, x + row * args.x_pitch + begin,
                  static_cast<size_t>(bytes));
    });
    return;
  }
  parallel_range(args.rows, chunk_bytes / args.row_bytes, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      std::memcpy(out + row * args.out_pitch, x + row * args.x_pitch,
                  static_cast<size_t>(args.row_bytes));
  });
}

}  // namespace gradus::kernels
