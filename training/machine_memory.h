// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace gradus {

// Bytes that this process can still have: the least of what the machine has free or can free
// (MemAvailable), what the process's control groups leave (version 2: memory.max less what is used
// but could not be freed; version 1: memory.limit_in_bytes), and what its address space may grow by
// (ulimit -v). INT64_MAX where the system says nothing.
int64_t available_memory();

// The same below another root than "/", for tests.
int64_t available_memory(const std::string& root);

}  // namespace gradus
