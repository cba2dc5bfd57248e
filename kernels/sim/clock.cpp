// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/clock.h"

#include <algorithm>

namespace gradus::sim {

__attribute__((target_clones("avx2", "default"))) void join(uint32_t* __restrict__ clock,
                                                            const uint32_t* __restrict__ other,
                                                            size_t length) {
  for (size_t i = 0; i < length; ++i) clock[i] = std::max(clock[i], other[i]);
}

}  // namespace gradus::sim
