// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gradus::sim {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t{x} * y * z; }
};

// The position of linear index `i` in `extent`, x fastest.
inline Dim3 position(uint64_t i, const Dim3& extent) {
  const uint64_t rows = i / extent.x;
  return {static_cast<uint32_t>(i % extent.x), static_cast<uint32_t>(rows % extent.y),
          static_cast<uint32_t>(rows / extent.y)};
}

}  // namespace gradus::sim
