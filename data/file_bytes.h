// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

// The contents of a file; one that is compressed by gzip is unpacked. Throws not_found with the
// command that makes the data where the path is below data/cache, bad_data for a damaged or cut
// archive and for more than `limit` bytes, io where the system refuses.
std::vector<uint8_t> read_bytes(const std::string& path, int64_t limit = int64_t{1} << 36);

// The same file, or with .gz behind its name where only that exists.
std::string find_packed(const std::string& path);

}  // namespace gradus
