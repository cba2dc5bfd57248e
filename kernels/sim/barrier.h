// SPDX-License-Identifier: Apache-2.0
// Barriers of a block: 0 is __syncthreads, 1 to 15 are the named ones.
#pragma once

#include <cstdint>

#include "kernels/sim/thread.h"

namespace gradus::sim {

inline constexpr uint32_t named_barriers = 16;

// Adds an arrival of `thread` to barrier `id` of its block, which completes with the `count`-th;
// waits for that where `wait`.
void arrive_at_barrier(Thread& thread, uint32_t id, uint32_t count, bool wait, uint32_t site);

// Tells the barriers of its block that `thread` has ended.
void leave_barriers(Thread& thread);

}  // namespace gradus::sim
