// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus {

struct ZipEntry {
  std::string name;
  bool deflated = false;  // else stored
  uint32_t crc = 0;
  uint64_t packed_bytes = 0, bytes = 0;
  uint64_t begin = 0;  // of the packed bytes in the archive
};

// The entries of a zip archive (APPNOTE 6.3, zip64 included), as its central directory names them.
// Throws bad_data naming the source for anything out of place: no or a cut directory, entries that
// overlap, leave the archive or stand twice, local headers that say otherwise, encryption, methods
// other than stored and deflate, and sizes that deflate cannot reach.
std::vector<ZipEntry> list_zip(std::span<const uint8_t> archive, const std::string& source);

// The bytes of an entry. Throws bad_data where they are damaged: length and CRC-32 must match.
std::vector<uint8_t> unpack_zip(std::span<const uint8_t> archive, const ZipEntry& entry,
                                const std::string& source);

}  // namespace gradus
