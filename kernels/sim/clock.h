// SPDX-License-Identifier: Apache-2.0
// Vector clocks: entry i is how far thread i's past is known. All clocks of a cluster have one
// length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus::sim {

using Clock = std::vector<uint32_t>;

// clock = the elementwise maximum of both.
void join(uint32_t* clock, const uint32_t* other, size_t length);

}  // namespace gradus::sim
