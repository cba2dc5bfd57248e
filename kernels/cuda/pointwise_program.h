// SPDX-License-Identifier: Apache-2.0
// An elementwise program as the CUDA evaluator takes it: a plain struct, passed by value.
//
// Every thread evaluates the whole program for a few neighbouring elements. An operand is read from
// memory, from the result of the instruction before (a register), or from a slot: a place in shared
// memory that belongs to the thread alone, for results that are read later. pointwise.cu gives a
// slot to another value once its last reader is past.
#pragma once

#include "engine/base/stream_handle.h"
#include "kernels/elementwise.h"

namespace gradus::kernels {

inline constexpr int pointwise_threads = 256;
inline constexpr int pointwise_slot_bytes = 16;  // of a thread: 4 elements of f32, 2 of f64 and i64

// Where an operand or a stored value comes from: an input's number, first_slot + a slot's number,
// or one of these.
inline constexpr int8_t pointwise_first_slot = pointwise_max_inputs;
inline constexpr int8_t pointwise_previous = 127;  // the result of the instruction before
inline constexpr int8_t pointwise_nothing = -1;

struct PointwiseStep {
  double parameters[2];
  int16_t op;  // a Pointwise
  int8_t sources[3];
  int8_t slot;  // where the result is kept, or pointwise_nothing
};

// A broadcast input seen through the program's shape; dims are merged where possible, innermost
// last.
struct PointwiseSource {
  const void* data;
  DType dtype;
  int rank;     // 0: one value
  bool vector;  // dense, and aligned for loads of all elements of a thread
  int64_t sizes[Shape::max_rank], strides[Shape::max_rank];
};

struct PointwiseTarget {
  void* data;
  DType dtype;
  int8_t from;  // pointwise_previous or a slot
  bool vector;  // aligned for stores of all elements of a thread
};

struct PointwiseProgram {
  int64_t count;  // elements
  int steps, targets, slots;
  PointwiseTarget target[pointwise_max_outputs];
  PointwiseStep step[pointwise_max_instructions];
  PointwiseSource source[pointwise_max_inputs];
};
static_assert(sizeof(PointwiseProgram) <= 4096, "more than a kernel's parameters may take");

// One file each, for the time to compile.
void launch_pointwise_f32(const PointwiseProgram& program, StreamHandle stream);
void launch_pointwise_f64(const PointwiseProgram& program, StreamHandle stream);
void launch_pointwise_i64(const PointwiseProgram& program, StreamHandle stream);

}  // namespace gradus::kernels
