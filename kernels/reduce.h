// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace gradus::kernels {

enum class Reduction { sum, mean };

// out[k] = reduction over r of x[k, r], where k runs over the kept and r over the reduced dims,
// both in row-major order. Requires: x of `dtype` is dense row-major; out is of `out_dtype`. sum:
// floats accumulate in f64 and integers and bool in i64; mean: floats only, 0 / 0 = NaN where
// nothing is reduced.
struct ReduceArgs {
  Reduction reduction;
  DType dtype;
  const void* x;
  DType out_dtype;
  void* out;
  Shape shape;
  std::array<bool, Shape::max_rank> reduced;
};

void reduce_cpu(const ReduceArgs& args);

}  // namespace gradus::kernels
