// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gradus::testing {

// How many times malloc and its kin (and so operator new, and every library of the process) were
// called so far. 0 for ever in builds with a sanitizer, which brings its own malloc: see
// counts_allocations().
int64_t allocation_count();
bool counts_allocations();

}  // namespace gradus::testing
