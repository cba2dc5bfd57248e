// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gradus {

// Writes the concatenated parts to `path`: under a temporary name in the same folder, flushed to
// the disk, then renamed, so that at any moment `path` holds the whole old or the whole new
// contents. Throws Error(io), with the reason and with `path` untouched, when the system refuses
// (disk full, permission, no such folder).
void write_file_atomically(const std::string& path, std::span<const std::string_view> parts);

}  // namespace gradus
