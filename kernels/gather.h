// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/base/shape.h"
#include "kernels/index_array.h"

namespace gradus::kernels {

// Element-wise gather: out[i0, .., ik, ..] = x[i0, .., index[i0, .., ik, ..], ..] at position
// `dim`; out has the shape of index. Requires: element_bytes in {1, 2, 4, 8}; ranks are equal;
// index_shape[d] <= shape[d] for every d other than dim; dense row-major. Throws Error(bad_data)
// for an index outside [0, shape[dim]).
struct GatherArgs {
  int64_t element_bytes;
  const void* x;
  Shape shape;
  IndexArray index;
  Shape index_shape;
  int dim;
  void* out;
};

void gather_cpu(const GatherArgs& args);

}  // namespace gradus::kernels
