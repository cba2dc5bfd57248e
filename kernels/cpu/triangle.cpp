// SPDX-License-Identifier: Apache-2.0
#include "kernels/triangle.h"

#include <algorithm>
#include <cstring>

#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t grain = 1 << 13;

}  // namespace

void triangle_cpu(const TriangleArgs& args) {
  if (args.count * args.rows * args.columns == 0) return;
  const char* x = static_cast<const char*>(args.x);
  char* out = static_cast<char*>(args.out);
  // Beyond these every element is in, or out; clamping first keeps row + diagonal from overflowing.
  const int64_t diagonal = std::clamp(args.diagonal, -args.rows - 1, args.columns + 1);
  const int64_t width = args.element_bytes, row_bytes = args.columns * width;
  parallel_range(args.count * args.rows, 1 + grain / args.columns, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      // Columns [0, split) belong to the lower part; for the upper one, [split, columns) are kept.
      const int64_t split =
          std::clamp<int64_t>(line % args.rows + diagonal + (args.lower ? 1 : 0), 0, args.columns);
      const int64_t from = args.lower ? 0 : split, to = args.lower ? split : args.columns;
      char* row = out + line * row_bytes;
      const auto bytes = [&](int64_t columns) { return static_cast<size_t>(columns * width); };
      std::memmove(row + from * width, x + line * row_bytes + from * width, bytes(to - from));
      std::memset(row, 0, bytes(from));
      std::memset(row + to * width, 0, bytes(args.columns - to));
    }
  });
}

}  // namespace gradus::kernels
