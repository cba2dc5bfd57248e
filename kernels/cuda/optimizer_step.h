// SPDX-License-Identifier: Apache-2.0
// What the update rules share on CUDA.
#pragma once

#include <cmath>

#include "kernels/common/convert.h"
#include "kernels/common/launch.h"
#include "kernels/common/vector.h"
#include "kernels/optimizer_step.h"

namespace gradus::kernels {

inline constexpr int step_threads = 256;

template <class C>
DEV C read_scalar(const DeviceScalar& scalar, C otherwise) {
  if (scalar.data == nullptr) return otherwise;
  switch (scalar.dtype) {
    case DType::f64:
      return static_cast<C>(*static_cast<const double*>(scalar.data));
    case DType::i64:
      return static_cast<C>(*static_cast<const int64_t*>(scalar.data));
    case DType::f16:
      return static_cast<C>(widen(*static_cast<const f16*>(scalar.data)));
    case DType::bf16:
      return static_cast<C>(widen(*static_cast<const bf16*>(scalar.data)));
    case DType::bool_:
      return static_cast<C>(*static_cast<const uint8_t*>(scalar.data));
    default:
      return static_cast<C>(*static_cast<const float*>(scalar.data));
  }
}

// The grid of an update of n elements, `width` by each thread.
inline unsigned step_grid(int64_t n, int width, std::string_view op) {
  const int64_t per_block = int64_t{step_threads} * width;
  const int64_t blocks = (n + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[{}] {} elements are more than one launch can take", op, n);
  return static_cast<unsigned>(blocks);
}

}  // namespace gradus::kernels
