// SPDX-License-Identifier: Apache-2.0
#include "engine/io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/error.h"

namespace gradus {

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  // O_NONBLOCK: opening a pipe that nobody writes must not hang.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0)
    failf(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io, path_, "cannot open the file: {}",
          std::strerror(errno));
  struct stat facts {};
  if (::fstat(descriptor_, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(descriptor_);
    fail(ErrorKind::bad_data, path_, "expected a regular file");
  }
  bytes_ = facts.st_size;
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(int64_t offset, size_t bytes, void* to) const {
  char* next = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, next, bytes, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failf(ErrorKind::io, path_, "cannot read: {}", std::strerror(errno));
    if (got == 0) fail(ErrorKind::bad_data, path_, "the file shrank while it was read");
    next += got;
    offset += got;
    bytes -= static_cast<size_t>(got);
  }
}

}  // namespace gradus
