// SPDX-License-Identifier: Apache-2.0
// How a reduction is shared out among threads on CUDA: a function of the shape alone.
#pragma once

#include "kernels/reduce.h"
#include "kernels/reduce_axes.h"

namespace gradus::kernels {

inline constexpr int reduce_threads = 256;
inline constexpr int reduce_lanes = 32;  // columns, or groups of neighbouring ones, of a block
inline constexpr int reduce_slices = 8;  // threads that share a column
inline constexpr int64_t reduce_accumulator_bytes = 8;

// Some dims of a dense tensor, outermost first.
struct DeviceAxes {
  int64_t count;
  int rank;
  int64_t sizes[Shape::max_rank], strides[Shape::max_rank];
};

struct ReducePlan {
  DeviceAxes kept, reduced;
  bool columns;    // neighbouring outputs are neighbours in memory
  int64_t pieces;  // parts of the reduced range that are folded by themselves,
  int64_t length;  // of so many elements, the last one of fewer
};

ReducePlan reduce_plan(const ReduceArgs& args);

// What a kernel is called with.
struct ReduceCall {
  const ReduceArgs& args;
  const ReducePlan& plan;
  StreamHandle stream;
};

// One file each, for the time to compile.
void reduce_sums(const ReduceCall& call);      // sum, mean
void reduce_products(const ReduceCall& call);  // prod
void reduce_extremes(const ReduceCall& call);  // amax, amin
void reduce_truths(const ReduceCall& call);    // any, all

}  // namespace gradus::kernels
