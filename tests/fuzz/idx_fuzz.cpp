// SPDX-License-Identifier: Apache-2.0
// A fuzz target: IDX files, packed by gzip or not.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <fmt/format.h>

#include "data/idx.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The reader takes a path; a file in memory has one.
  static const int descriptor = memfd_create("idx", 0);
  static const std::string path = fmt::format("/proc/self/fd/{}", descriptor);
  if (ftruncate(descriptor, 0) != 0 ||
      pwrite(descriptor, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  try {
    (void)gradus::read_idx(path);
  } catch (const gradus::Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
