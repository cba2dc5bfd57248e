// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "kernels/optimizer_step.h"

namespace gradus::kernels {

inline double read_scalar(const DeviceScalar& scalar, double otherwise = 0.0) {
  if (scalar.data == nullptr) return otherwise;
  switch (scalar.dtype) {
    case DType::f64:
      return *static_cast<const double*>(scalar.data);
    case DType::f32:
      return *static_cast<const float*>(scalar.data);
    case DType::i64:
      return static_cast<double>(*static_cast<const int64_t*>(scalar.data));
    case DType::bool_:
      return *static_cast<const uint8_t*>(scalar.data);
    default:
      GRADUS_ASSERT(false, "a step's scalar is {}", dtype_name(scalar.dtype));
  }
}

// One array of a skipped update.
inline void keep(void* to, const void* from, DType dtype, int64_t n) {
  if (to != nullptr && to != from && n > 0)
    std::memcpy(to, from, static_cast<size_t>(dtype_bytes(dtype, n)));
}

// Large enough that the cost of a chunk's start vanishes, small enough that four arrays stay in L2.
inline constexpr int64_t step_grain = 1 << 14;

// For f32 and f64 alike, computed in f64: the truth.
template <class Rule>
void reference_step(int64_t n, Rule&& rule) {
  parallel_range(n, step_grain, [&](int64_t begin, int64_t end) { rule(begin, end); });
}

// f32 in f32, in loops that vectorise; moments that decay to subnormals would cost 12 times as
// much.
template <class Rule>
void vector_step(int64_t n, Rule&& rule) {
  parallel_range(n, step_grain, [&](int64_t begin, int64_t end) {
    const FlushDenormals flush;
    rule(begin, end);
  });
}

}  // namespace gradus::kernels

// In front of a loop over independent elements: arrays may be the same memory at the same index,
// which a compiler's own check for overlap would take for a conflict.
#if defined(__clang__)
#define GRADUS_INDEPENDENT_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define GRADUS_INDEPENDENT_LOOP _Pragma("GCC ivdep")
#endif
