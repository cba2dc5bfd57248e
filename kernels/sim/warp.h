// SPDX-License-Identifier: Apache-2.0
// Warp-wide operations: each lane deposits its operands, the last of the mask computes for all.
#pragma once

#include <cstdint>

#include "kernels/sim/thread.h"

namespace gradus::sim {

inline constexpr uint32_t full_mask = 0xffffffffu;

// Waits until every existing lane of `mask` has come here with an operation of the same `name`;
// `finish` then runs once with all operands and may write results through them. `aligned`
// operations must be reached at one call site. Orders no memory by itself.
void run_collective(Thread& thread, const char* name, uint32_t mask, bool aligned, void* operands,
                    void (*finish)(Collective&), uint32_t site);

// The thread at lane `lane` of the current thread's warp.
Thread& lane_thread(const Thread& thread, uint32_t lane);

// Takes an exiting thread out of the operations that wait for it.
void leave_warp(Thread& thread);

}  // namespace gradus::sim
