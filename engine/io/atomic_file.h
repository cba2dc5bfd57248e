// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gradus {

// Writes the concatenated parts to `path`: under a temporary name in the same folder, flushed to
// the disk, then renamed, so that at any moment `path` holds the whole old or the whole new
// contents. A device or pipe is written to as it is. Throws Error(io) with the reason when the
// system refuses (disk full, permission, no such folder); `path` is untouched then, except where
// the folder itself cannot be flushed at the very end. What a killed process leaves is called
// `path`.PID.tmp.
void write_file_atomically(const std::string& path, std::span<const std::string_view> parts);

}  // namespace gradus
