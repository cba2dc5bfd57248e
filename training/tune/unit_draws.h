// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/philox.h"

namespace gradus {

// Even draws in [0, 1) with 53 bits, a function of (seed, stream, step, index).
class UnitDraws {
 public:
  UnitDraws(uint64_t seed, std::string_view stream, uint64_t step)
      : key_(philox_key({.seed = seed, .step = step}, path_id(stream))) {}

  double at(uint64_t index) const {
    const uint64_t high = philox_word(key_, 2 * index) >> 5;
    const uint64_t low = philox_word(key_, 2 * index + 1) >> 6;
    return static_cast<double>((high << 26) + low) * 0x1p-53;
  }

 private:
  PhiloxKey key_;
};

}  // namespace gradus
