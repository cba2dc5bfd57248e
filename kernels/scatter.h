// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "kernels/index_array.h"

namespace gradus::kernels {

// out = x, then for every index i of index_shape, in row-major order along dim:
//   add:     out[.., index[i], ..] += src[i]
//   not add: out[.., index[i], ..]  = src[i]   (the last of several wins)
// `src` has src_shape, at least index_shape in every dim; without one, `value` stands for every
// element. Serves scatter, scatter_add and one_hot. Requires: ranks are equal; index_shape[d] <=
// shape[d] for every d other than dim; dense row-major; dtype without reduced floats when adding.
// out may be the memory of x. Throws Error(bad_data) for an index outside [0, shape[dim]).
struct ScatterArgs {
  DType dtype;
  const void* x;
  Shape shape;
  IndexArray index;
  Shape index_shape;
  int dim;
  const void* src;  // null: value
  Shape src_shape;
  uint64_t value;  // the bytes of one element
  void* out;
  std::string_view op = "scatter";  // for messages
};

void scatter_cpu(const ScatterArgs& args);
void scatter_add_cpu(const ScatterArgs& args);
// As PyTorch's reduce='add' and 'multiply': src is added to, or multiplied with, what stands there,
// in order, and reduced floats are rounded each time. Every dtype; in bool these are or and and.
void scatter_reduce_cpu(const ScatterArgs& args, bool multiply);

}  // namespace gradus::kernels
