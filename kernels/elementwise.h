// SPDX-License-Identifier: Apache-2.0
// Elementwise programs: a chain of pointwise instructions, evaluated in one pass over cache-sized
// tiles. A single op is a program of one instruction, so fused and unfused evaluation call the same
// tile functions and give the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

enum class Pointwise : int {
#define GRADUS_UNARY(name, ...) name,
#define GRADUS_BINARY(name, ...) name,
#define GRADUS_TERNARY(name, ...) name,
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
  // Emitted for casts and copies inside a chain: the value as it is, or rounded to a stored type
  // and back.
  copy,
  round_f16,
  round_bf16,
  truth,  // 0 or 1
  count,
};

int pointwise_arity(Pointwise op);
// Whether the op computes in i64 too.
bool pointwise_takes_integers(Pointwise op);

// Sources are values: 0 .. inputs-1 are the program's inputs, inputs + i is the result of
// instruction i.
struct PointwiseInstruction {
  Pointwise op;
  std::array<int, 3> sources{-1, -1, -1};
  std::array<double, 2> parameters{0, 0};
};

struct PointwiseInput {
  const void* data;
  DType dtype;
  Shape shape;  // broadcasts to the program's shape
};

struct PointwiseOutput {
  void* data;
  DType dtype;
  int value;  // which value is stored; may be the memory of an input of the same dtype and the full
              // shape
};

inline constexpr int pointwise_max_inputs = 16;
inline constexpr int pointwise_max_instructions = 32;
inline constexpr int pointwise_max_outputs = 8;

// Requires: `compute` is f32, f64 or i64; dtypes have whole bytes; every stored dtype converts to
// and from `compute` (integers and bool are exact in i64; in f32 and f64 they convert as C++ does);
// counts within the limits above. Ensures: each output holds its value converted to its dtype (f16
// and bf16 rounded to nearest even; bool is `!= 0`).
struct PointwiseArgs {
  DType compute;
  Shape shape;
  std::span<const PointwiseInput> inputs;
  std::span<const PointwiseInstruction> instructions;
  std::span<const PointwiseOutput> outputs;
};

// The C library's math: the truth for the others.
void pointwise_cpu_reference(const PointwiseArgs& args);

// Vectorised, for compute == f32: functions within 3 ulp (the left tails of gelu lose more:
// relative error 1e-6 at -3, 1e-5 at -12), the same bits with AVX2 and AVX-512. What has no vector
// form takes the reference's.
void pointwise_cpu_avx2(const PointwiseArgs& args);
void pointwise_cpu_avx512(const PointwiseArgs& args);

// The reference's formulas in CUDA's math. Stored dtypes: floats but those of 8 bits, i64, i32,
// i16, i8, u8 and bool. An integer divided by zero gives 0, since a kernel cannot throw.
void pointwise_cuda(const PointwiseArgs& args, StreamHandle stream);
bool pointwise_cuda_stores(DType dtype);

}  // namespace gradus::kernels
