// SPDX-License-Identifier: Apache-2.0
#include "engine/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/base/error.h"

namespace gradus {
namespace {

// One write() takes at most about 2 GiB on Linux.
constexpr size_t largest_write = size_t{1} << 30;

// A device or pipe (/dev/stdout, /dev/full) is written to, never replaced.
bool is_special(const std::string& path) {
  struct stat facts;
  return ::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode);
}

// A file under a name of its own, removed unless it was renamed; the target itself where that is
// special.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target)
      : target_(target),
        special_(is_special(target)),
        name_(special_ ? target : fmt::format("{}.{}.tmp", target, getpid())) {
    descriptor_ =
        ::open(name_.c_str(), O_WRONLY | O_CREAT | (special_ ? 0 : O_TRUNC) | O_CLOEXEC, 0666);
    if (descriptor_ < 0) refuse("cannot create");
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_ && !special_) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view part) {
    while (!part.empty()) {
      const ssize_t written =
          ::write(descriptor_, part.data(), std::min(part.size(), largest_write));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) refuse("cannot write");
      part.remove_prefix(static_cast<size_t>(written));
    }
  }

  void commit() {
    if (!special_ && ::fsync(descriptor_) != 0) refuse("cannot flush");
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) refuse("cannot close");
    if (!special_ && std::rename(name_.c_str(), target_.c_str()) != 0) refuse("cannot replace");
    renamed_ = true;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    failf(ErrorKind::io, target_, "{} the file: {}", what, std::strerror(errno));
  }

  std::string target_;
  bool special_;
  std::string name_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

// Makes the rename itself durable. Some file systems cannot; the contents are safe either way.
void flush_folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  (void)::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const std::string_view> parts) {
  TemporaryFile file(path);
  for (std::string_view part : parts) file.write(part);
  file.commit();
  flush_folder(path);
}

}  // namespace gradus
