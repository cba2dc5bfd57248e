// SPDX-License-Identifier: Apache-2.0
#include "engine/io/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/error.h"

namespace gradus {
namespace {

std::string holder_text() {
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "unknown");
  return fmt::format("process {} on {}", getpid(), host);
}

// What the holder wrote about itself: printable, and short.
std::string read_holder(int descriptor) {
  char text[300];
  const ssize_t got = ::pread(descriptor, text, sizeof text, 0);
  std::string holder;
  for (ssize_t i = 0; i < got && text[i] >= ' ' && text[i] < 127; ++i) holder += text[i];
  return holder.empty() ? "another process" : holder;
}

}  // namespace

FileLock::FileLock(std::string path) : path_(std::move(path)) {
  for (;;) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0)
      failf(ErrorKind::io, path_, "cannot open the lock: {}", std::strerror(errno));
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      const int reason = errno;
      const std::string holder = read_holder(descriptor_);
      ::close(descriptor_);
      if (reason == EINTR) continue;
      if (reason == EWOULDBLOCK) failf(ErrorKind::invalid_argument, path_, "in use by {}", holder);
      failf(ErrorKind::io, path_, "cannot lock: {}", std::strerror(reason));
    }
    if (is_current()) break;
    ::close(descriptor_);  // its holder removed it between the two calls
  }
  // For messages only, so that a full disk does not stop anyone here.
  const std::string holder = holder_text() + "\n";
  if (::ftruncate(descriptor_, 0) != 0 || ::write(descriptor_, holder.data(), holder.size()) < 0)
    errno = 0;
}

// Removed while it is held: who opened it before sees that it is gone, and tries again.
FileLock::~FileLock() {
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

bool FileLock::is_current() const {
  struct stat held {
  }, named{};
  return ::fstat(descriptor_, &held) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

}  // namespace gradus
