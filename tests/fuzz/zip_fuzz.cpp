// SPDX-License-Identifier: Apache-2.0
// A fuzz target: zip archives, as .npz files are.
#include <cstddef>
#include <cstdint>

#include "data/npy.h"
#include "data/zip.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> archive(data, size);
  try {
    for (const gradus::ZipEntry& entry : gradus::list_zip(archive, "a.npz"))
      (void)gradus::parse_npy(gradus::unpack_zip(archive, entry, "a.npz"), entry.name);
  } catch (const gradus::Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
