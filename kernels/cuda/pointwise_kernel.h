// SPDX-License-Identifier: Apache-2.0
// The evaluator of elementwise programs for one compute type. A thread takes 16 bytes' worth of
// neighbouring elements at a time. Not measured on hardware.
#pragma once

#include "kernels/common/division.h"
#include "kernels/common/launch.h"
#include "kernels/common/shared.h"
#include "kernels/common/vector.h"
#include "kernels/cuda/pointwise_math.h"
#include "kernels/cuda/pointwise_program.h"

namespace gradus::kernels {
namespace {

template <class T>
inline constexpr int pointwise_width = pointwise_slot_bytes / static_cast<int>(sizeof(T));

template <class T>
using Lanes = Vector<T, pointwise_width<T>>;

enum class Kind { real, number, test };

// The formulas of functions of reals, out of line.
#define GRADUS_FORMULA(name, kind, ...)                                                       \
  template <class T>                                                                          \
  DEV_CALL T formula_##name([[maybe_unused]] T x, [[maybe_unused]] T y, [[maybe_unused]] T z, \
                            [[maybe_unused]] T p0, [[maybe_unused]] T p1) {                   \
    using M [[maybe_unused]] = DeviceMath;                                                    \
    return __VA_ARGS__;                                                                       \
  }
#define GRADUS_UNARY(name, kind, parameters, expression, ...) \
  GRADUS_FORMULA(name, kind, (expression))
#define GRADUS_BINARY(name, kind, parameters, expression, ...) \
  GRADUS_FORMULA(name, kind, (expression))
#define GRADUS_TERNARY(name, kind, expression, ...) GRADUS_FORMULA(name, kind, (expression))
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
#undef GRADUS_FORMULA

// One operation's loop over the elements of a thread, in the switch of `apply`.
#define GRADUS_CASE(name, kind, ...)                                       \
  case Pointwise::name:                                                    \
    if constexpr (Kind::kind == Kind::real) {                              \
      if constexpr (std::is_floating_point_v<T>) {                         \
        _Pragma("unroll") for (int j = 0; j < width; ++j) out.at[j] =      \
            formula_##name<T>(xs.at[j], ys.at[j], zs.at[j], p0, p1);       \
      }                                                                    \
    } else {                                                               \
      _Pragma("unroll") for (int j = 0; j < width; ++j) {                  \
        [[maybe_unused]] const T x = xs.at[j], y = ys.at[j], z = zs.at[j]; \
        out.at[j] = __VA_ARGS__;                                           \
      }                                                                    \
    }                                                                      \
    return;

template <class T>
DEV void apply(const PointwiseStep& step, const Lanes<T>& xs, const Lanes<T>& ys,
               const Lanes<T>& zs, Lanes<T>& out) {
  using M = DeviceMath;
  constexpr int width = pointwise_width<T>;
  const T p0 = pointwise_parameter<T>(step.parameters[0]);
  const T p1 = pointwise_parameter<T>(step.parameters[1]);
  switch (static_cast<Pointwise>(step.op)) {
#define GRADUS_UNARY(name, kind, parameters, expression, ...) GRADUS_CASE(name, kind, (expression))
#define GRADUS_BINARY(name, kind, parameters, expression, ...) GRADUS_CASE(name, kind, (expression))
#define GRADUS_TERNARY(name, kind, expression, ...) GRADUS_CASE(name, kind, (expression))
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
    GRADUS_CASE(copy, number, x)
    GRADUS_CASE(truth, number, x != T(0) ? T(1) : T(0))
    GRADUS_CASE(round_f16, number, to_compute<T>(from_compute<f16>(static_cast<float>(x), false)))
    GRADUS_CASE(round_bf16, number, to_compute<T>(from_compute<bf16>(static_cast<float>(x), false)))
    default:
      return;
  }
}
#undef GRADUS_CASE

// Walks the elements of a broadcast input from one on.
class Walker {
 public:
  DEV Walker(const PointwiseSource& source, int64_t index) : source_(source), at_(index) {
    locate();
  }
  DEV int64_t offset() const { return offset_; }
  DEV void advance() {
    ++at_;
    if (++inner_ < source_.sizes[source_.rank - 1])
      offset_ += source_.strides[source_.rank - 1];
    else
      locate();
  }

 private:
  DEV void locate() {
    offset_ = 0;
    inner_ = 0;
    int64_t rest = at_;
    for (int d = source_.rank - 1; d >= 0; --d) {
      const Quotient q = quotient_of(rest, source_.sizes[d]);
      if (d == source_.rank - 1) inner_ = q.rest;
      offset_ += q.rest * source_.strides[d];
      rest = q.whole;
    }
  }

  const PointwiseSource& source_;
  int64_t at_;
  int64_t offset_ = 0;
  int64_t inner_ = 0;
};

// A thread's elements of an input of type Stored: `count` of them exist.
template <class T, class Stored>
DEV void load_stored(Lanes<T>& value, const PointwiseSource& source, int64_t at, int count) {
  constexpr int width = pointwise_width<T>;
  // An access has at most 16 bytes.
  constexpr int part = sizeof(Stored) * width > 16 ? width / 2 : width;
  const Stored* data = static_cast<const Stored*>(source.data);
  if (source.vector && count == width) {
#pragma unroll
    for (int first = 0; first < width; first += part) {
      const Vector<Stored, part> stored = load_vector<part>(data + at + first);
#pragma unroll
      for (int j = 0; j < part; ++j) value.at[first + j] = to_compute<T>(stored.at[j]);
    }
  } else if (source.rank == 0) {
    const T one = to_compute<T>(data[0]);
#pragma unroll
    for (int j = 0; j < width; ++j) value.at[j] = one;
  } else {
    Walker walker(source, at);
#pragma unroll
    for (int j = 0; j < width; ++j) {
      value.at[j] = j < count ? to_compute<T>(data[walker.offset()]) : T(0);
      walker.advance();
    }
  }
}

template <class T>
DEV void load_source(Lanes<T>& value, const PointwiseSource& source, int64_t at, int count) {
  switch (source.dtype) {
    case DType::f32:
      return load_stored<T, float>(value, source, at, count);
    case DType::f64:
      return load_stored<T, double>(value, source, at, count);
    case DType::f16:
      return load_stored<T, f16>(value, source, at, count);
    case DType::bf16:
      return load_stored<T, bf16>(value, source, at, count);
    case DType::i64:
      return load_stored<T, int64_t>(value, source, at, count);
    case DType::i32:
      return load_stored<T, int32_t>(value, source, at, count);
    case DType::i16:
      return load_stored<T, int16_t>(value, source, at, count);
    case DType::i8:
      return load_stored<T, int8_t>(value, source, at, count);
    default:  // u8 and bool
      return load_stored<T, uint8_t>(value, source, at, count);
  }
}

template <class T, class Stored>
DEV void store_as(const Lanes<T>& value, const PointwiseTarget& target, int64_t at, int count) {
  constexpr int width = pointwise_width<T>;
  constexpr int part = sizeof(Stored) * width > 16 ? width / 2 : width;
  const bool truth = target.dtype == DType::bool_;
  Stored* data = static_cast<Stored*>(target.data) + at;
  if (target.vector && count == width) {
#pragma unroll
    for (int first = 0; first < width; first += part) {
      Vector<Stored, part> stored;
#pragma unroll
      for (int j = 0; j < part; ++j)
        stored.at[j] = from_compute<Stored>(value.at[first + j], truth);
      store_vector(data + first, stored);
    }
  } else {
#pragma unroll
    for (int j = 0; j < width; ++j)
      if (j < count) data[j] = from_compute<Stored>(value.at[j], truth);
  }
}

template <class T>
DEV void store_target(const Lanes<T>& value, const PointwiseTarget& target, int64_t at, int count) {
  switch (target.dtype) {
    case DType::f32:
      return store_as<T, float>(value, target, at, count);
    case DType::f64:
      return store_as<T, double>(value, target, at, count);
    case DType::f16:
      return store_as<T, f16>(value, target, at, count);
    case DType::bf16:
      return store_as<T, bf16>(value, target, at, count);
    case DType::i64:
      return store_as<T, int64_t>(value, target, at, count);
    case DType::i32:
      return store_as<T, int32_t>(value, target, at, count);
    case DType::i16:
      return store_as<T, int16_t>(value, target, at, count);
    case DType::i8:
      return store_as<T, int8_t>(value, target, at, count);
    default:
      return store_as<T, uint8_t>(value, target, at, count);
  }
}

// What a thread knows while it evaluates the program for its elements at..at+count-1.
template <class T>
struct Evaluation {
  const PointwiseProgram& program;
  T* slots;  // of this thread
  int64_t at;
  int count;
  Lanes<T> previous;

  DEV T* slot(int8_t from) const {
    return slots + (from - pointwise_first_slot) * pointwise_threads * pointwise_width<T>;
  }

  DEV void fetch(Lanes<T>& value, int8_t from) const {
    if (from == pointwise_previous) {
      value = previous;
    } else if (from >= pointwise_first_slot) {
      value = load_vector<pointwise_width<T>>(static_cast<const T*>(slot(from)));
    } else {
      load_source<T>(value, program.source[from], at, count);
    }
  }

  DEV void run() {
    for (int i = 0; i < program.steps; ++i) {
      const PointwiseStep& step = program.step[i];
      Lanes<T> x, y, z, result = {};
      fetch(x, step.sources[0]);
      y = z = x;
      if (step.sources[1] != pointwise_nothing) fetch(y, step.sources[1]);
      if (step.sources[2] != pointwise_nothing) fetch(z, step.sources[2]);
      apply<T>(step, x, y, z, result);
      if (step.slot != pointwise_nothing) store_vector(slot(step.slot), result);
      previous = result;
    }
  }

  // Behind all loads: an output may be the memory of an input.
  DEV void store() const {
    for (int i = 0; i < program.targets; ++i) {
      Lanes<T> value;
      fetch(value, program.target[i].from);
      store_target<T>(value, program.target[i], at, count);
    }
  }
};

template <class T>
__global__ void __launch_bounds__(pointwise_threads)
    pointwise_program(const __grid_constant__ PointwiseProgram program) {
  constexpr int width = pointwise_width<T>;
  T* slots = dynamic_shared<Lanes<T>>().at + threadIdx.x * width;
  const int64_t step = int64_t{gridDim.x} * pointwise_threads * width;
  int64_t at = (int64_t{blockIdx.x} * pointwise_threads + threadIdx.x) * width;
  for (; at < program.count; at += step) {
    const int64_t left = program.count - at;
    Evaluation<T> evaluation{program, slots, at, left < width ? static_cast<int>(left) : width,
                             Lanes<T>{}};
    evaluation.run();
    evaluation.store();
  }
}

template <class T>
void launch_pointwise(const PointwiseProgram& program, StreamHandle stream) {
  constexpr int64_t most_blocks = 1 << 13;  // further elements are walked by the same threads
  constexpr int64_t per_block = int64_t{pointwise_threads} * pointwise_width<T>;
  const int64_t blocks = (program.count + per_block - 1) / per_block;
  const int slots = program.slots > 0 ? program.slots : 1;
  launch(pointwise_program<T>,
         {.grid = {static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks)},
          .block = {pointwise_threads},
          .shared_bytes = static_cast<size_t>(slots) * pointwise_threads * pointwise_slot_bytes,
          .stream = stream},
         program);
}

}  // namespace
}  // namespace gradus::kernels
