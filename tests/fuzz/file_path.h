// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

namespace gradus {

// The path of a file in memory that holds these bytes, for readers that take a path. The same file
// each time.
inline std::string path_of(const uint8_t* data, size_t size) {
  static const int descriptor = memfd_create("input", 0);
  if (ftruncate(descriptor, 0) != 0 ||
      pwrite(descriptor, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  return fmt::format("/proc/self/fd/{}", descriptor);
}

}  // namespace gradus
