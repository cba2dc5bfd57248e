// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/sim/thread.h"

namespace gradus::sim {

enum class Access { read, write, atomic };

// Looks at `size` bytes that kernel code is about to touch: bounds, alignment, initialisation,
// races. Reports and never returns where something is wrong. Only bounds of shared and device
// memory are looked at while the launch's checks are off.
void check_access(Thread& thread, const void* address, uint32_t size, Access access, uint32_t site);

}  // namespace gradus::sim
