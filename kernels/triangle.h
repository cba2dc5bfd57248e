// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gradus::kernels {

// Copies the lower (column - row <= diagonal) or upper (column - row >= diagonal) part of each of
// `count` matrices of (rows, columns); zero bytes elsewhere. Requires: element_bytes in {1, 2, 4,
// 8}; dense row-major. x and out may be the same memory.
struct TriangleArgs {
  int64_t element_bytes;
  bool lower;
  const void* x;
  void* out;
  int64_t count, rows, columns;
  int64_t diagonal;
};

void triangle_cpu(const TriangleArgs& args);

}  // namespace gradus::kernels
