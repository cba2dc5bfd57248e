// SPDX-License-Identifier: Apache-2.0
#include "data/file_bytes.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include <zlib.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr size_t piece_bytes = 1 << 20;

// scripts/data.sh NAME makes the folder NAME below `cache`; of another folder only its owner knows.
std::string command_for(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  const fs::path parent = fs::path(folder).parent_path();
  if (parent.filename() != "cache")
    return "; `scripts/data.sh --list` names the data sets it makes";
  return fmt::format("; `scripts/data.sh {}` makes it", fs::path(folder).filename().string());
}

void close_archive(gzFile file) { gzclose_r(file); }

}  // namespace

std::vector<uint8_t> read_bytes(const std::string& path, int64_t limit) {
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    failf(ErrorKind::not_found, path, "no such file{}", command_for(path));
  if (!fs::is_regular_file(path, ignored)) failf(ErrorKind::bad_data, path, "not a file");
  const std::unique_ptr<gzFile_s, void (*)(gzFile)> file(gzopen(path.c_str(), "rb"), close_archive);
  if (!file) failf(ErrorKind::io, path, "cannot open: {}", std::strerror(errno));
  std::vector<uint8_t> bytes;
  for (;;) {
    const size_t before = bytes.size();
    bytes.resize(before + piece_bytes);
    const int got = gzread(file.get(), bytes.data() + before, piece_bytes);
    int code = Z_OK;
    const char* message = gzerror(file.get(), &code);
    if (code == Z_ERRNO) failf(ErrorKind::io, path, "cannot read: {}", std::strerror(errno));
    if (got < 0 || code != Z_OK)
      failf(ErrorKind::bad_data, path, "damaged or cut gzip file: {}", message);
    bytes.resize(before + static_cast<size_t>(got));
    if (static_cast<int64_t>(bytes.size()) > limit)
      failf(ErrorKind::bad_data, path, "holds more than {} bytes", limit);
    if (got == 0) return bytes;
  }
}

std::string find_packed(const std::string& path) {
  std::error_code ignored;
  const std::string packed = path + ".gz";
  return !fs::exists(path, ignored) && fs::exists(packed, ignored) ? packed : path;
}

}  // namespace gradus
