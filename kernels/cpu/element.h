// SPDX-License-Identifier: Apache-2.0
// Movement does not look into elements: one instance per width serves every dtype.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"

namespace gradus::kernels {

// Calls f(TypeTag<T>{}) with the unsigned integer of `bytes` bytes: 1, 2, 4 or 8.
template <class F>
void dispatch_element(int64_t bytes, F&& f) {
  switch (bytes) {
    case 1:
      return std::forward<F>(f)(TypeTag<uint8_t>{});
    case 2:
      return std::forward<F>(f)(TypeTag<uint16_t>{});
    case 4:
      return std::forward<F>(f)(TypeTag<uint32_t>{});
    case 8:
      return std::forward<F>(f)(TypeTag<uint64_t>{});
    default:
      GRADUS_ASSERT(false, "elements of {} bytes", bytes);
  }
}

// Calls f(TypeTag<T>{}) with the arithmetic type that stores `dtype`. Reduced floats never come
// here: the executor converts around kernels that compute.
template <class F>
void dispatch_number(DType dtype, F&& f) {
  dispatch_stored(dtype, [&](auto tag) {
    if constexpr (std::is_arithmetic_v<typename decltype(tag)::type>) {
      f(tag);
    } else {
      GRADUS_ASSERT(false, "a kernel for whole types was called with {}", dtype_name(dtype));
    }
  });
}

// a + b * c; whole numbers wrap around, as in PyTorch.
template <class T>
T multiply_add(T a, T b, T c) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) +
                          static_cast<uint64_t>(b) * static_cast<uint64_t>(c));
  } else {
    return a + b * c;
  }
}

}  // namespace gradus::kernels
