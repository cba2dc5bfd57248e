// SPDX-License-Identifier: Apache-2.0
#include "engine/io/atomic_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/base/error.h"
#include "engine/io/output_file.h"

namespace gradus {
namespace {

// A device or pipe (/dev/stdout, /dev/full) is written to, never replaced.
bool is_special(const std::string& path) {
  struct stat facts;
  return ::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode);
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash + 1);
}

void replace_file(const std::string& path, std::span<const std::string_view> parts) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  try {
    OutputFile file(temporary, OutputFile::Mode::replace, path);
    for (std::string_view part : parts) file.write(part);
    file.flush();
    file.close();
    if (std::rename(temporary.c_str(), path.c_str()) != 0)
      failf(ErrorKind::io, path, "cannot replace the file: {}", std::strerror(errno));
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  flush_folder(folder_of(path));
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const std::string_view> parts) {
  if (!is_special(path)) return replace_file(path, parts);
  OutputFile file(path, OutputFile::Mode::special);
  for (std::string_view part : parts) file.write(part);
  file.close();
}

}  // namespace gradus
