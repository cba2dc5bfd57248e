// SPDX-License-Identifier: Apache-2.0
// Arrays beside others of type T: of T too or, where T is a reduced float, perhaps of f32.
#pragma once

#include "engine/base/dtype.h"
#include "kernels/common/convert.h"

namespace gradus::kernels {

struct MixedNumbers {
  const void* data;  // null: none
  DType dtype;

  template <class T>
  DEV Compute<T> at(int64_t index) const {
    if constexpr (sizeof(T) == 2)
      if (dtype == DType::f32) return static_cast<const float*>(data)[index];
    return widen(static_cast<const T*>(data)[index]);
  }
};

template <class T>
DEV void store_mixed(void* to, DType dtype, int64_t index, double value) {
  if (dtype == DType::f32)
    static_cast<float*>(to)[index] = static_cast<float>(value);
  else
    static_cast<T*>(to)[index] = narrow<T>(static_cast<Compute<T>>(value));
}

}  // namespace gradus::kernels
