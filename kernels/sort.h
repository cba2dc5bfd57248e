// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

// values[o, j, i] = x[o, indices[o, j, i], i], the `count` first of the middle dim in ascending (or
// descending) order. NaN is larger than every number; equal elements stand in their order in x.
// Requires: dense row-major, an arithmetic type (bool as u8), 0 <= count <= dim; workspace of
// sort_workspace() bytes.
struct SortArgs {
  DType dtype;
  const void* x;  // (outer, dim, inner)
  void* values;   // (outer, count, inner)
  int64_t* indices;
  int64_t outer, dim, inner, count;
  bool descending;
  void* workspace;
};

void sort_cpu(const SortArgs& args);
int64_t sort_workspace(int64_t elements);

}  // namespace gradus::kernels
