// SPDX-License-Identifier: Apache-2.0
#include "engine/io/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/error.h"

namespace gradus {
namespace {

// One write() takes at most about 2 GiB on Linux.
constexpr size_t largest_write = size_t{1} << 30;

int flags_of(OutputFile::Mode mode) {
  switch (mode) {
    case OutputFile::Mode::create:
      return O_WRONLY | O_CREAT | O_EXCL;
    case OutputFile::Mode::replace:
      return O_WRONLY | O_CREAT | O_TRUNC;
    case OutputFile::Mode::update:
      return O_WRONLY | O_CREAT;
    case OutputFile::Mode::special:
      return O_WRONLY;
  }
  return O_WRONLY;
}

// Calls again as long as a signal interrupts.
template <class Call>
auto repeated(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

OutputFile::OutputFile(std::string path, Mode mode, std::string name)
    : path_(std::move(path)), name_(name.empty() ? path_ : std::move(name)) {
  descriptor_ = repeated([&] { return ::open(path_.c_str(), flags_of(mode) | O_CLOEXEC, 0666); });
  if (descriptor_ < 0) refuse("cannot create");
  if (mode == Mode::update && ::lseek(descriptor_, 0, SEEK_END) < 0) {
    const int reason = errno;
    ::close(descriptor_);
    errno = reason;
    refuse("cannot find the end of");
  }
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = repeated(
        [&] { return ::write(descriptor_, bytes.data(), std::min(bytes.size(), largest_write)); });
    if (written == 0) errno = EIO;  // no progress and no reason: repeating could go on for ever
    if (written <= 0) refuse("cannot write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void OutputFile::cut(int64_t bytes) {
  if (repeated([&] { return ::ftruncate(descriptor_, bytes); }) != 0) refuse("cannot cut");
  if (::lseek(descriptor_, bytes, SEEK_SET) < 0) refuse("cannot cut");
}

void OutputFile::flush() {
  if (repeated([&] { return ::fsync(descriptor_); }) != 0) refuse("cannot flush");
}

// Linux gives the descriptor back even where a signal interrupts, so it is never closed twice.
void OutputFile::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) refuse("cannot close");
}

int64_t OutputFile::bytes() const {
  struct stat facts {};
  if (::fstat(descriptor_, &facts) != 0) refuse("cannot ask for the size of");
  return facts.st_size;
}

void OutputFile::refuse(std::string_view what) const {
  failf(ErrorKind::io, name_, "{} the file: {}", what, std::strerror(errno));
}

void flush_folder(const std::string& path) {
  const auto refuse = [&](int reason) {
    failf(ErrorKind::io, path, "cannot flush the folder: {}", std::strerror(reason));
  };
  const int descriptor =
      repeated([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) refuse(errno);
  const int result = repeated([&] { return ::fsync(descriptor); });
  const int reason = errno;
  ::close(descriptor);
  if (result != 0 && reason != EINVAL && reason != ENOTSUP && reason != EROFS) refuse(reason);
}

}  // namespace gradus
