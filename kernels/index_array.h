// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/error.h"

namespace gradus::kernels {

// Indices from outside, i64 or i32.
struct IndexArray {
  const void* data;
  bool wide = true;  // i64

  int64_t operator[](int64_t i) const {
    return wide ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i];
  }
  // Element i, or throws Error(bad_data) naming op, position and value unless it is in [0, count).
  int64_t checked(int64_t i, int64_t count, std::string_view op) const {
    const int64_t value = (*this)[i];
    if (value < 0 || value >= count) out_of_range(i, value, count, op);
    return value;
  }

 private:
  [[noreturn]] static void out_of_range(int64_t i, int64_t value, int64_t count,
                                        std::string_view op) {
    failf(ErrorKind::bad_data, op, "index at position {}, expected 0 to {}, got {}", i, count - 1,
          value);
  }
};

}  // namespace gradus::kernels
