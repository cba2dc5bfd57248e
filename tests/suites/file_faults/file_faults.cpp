// SPDX-License-Identifier: Apache-2.0
// Loaded before libc (LD_PRELOAD), it counts the calls by which a process changes files below a
// path, and lets one of them fail. Linux. Set in the environment:
//
//   GRADUS_FAULT_PATH   part of the paths that count
//   GRADUS_FAULT_AT     the number of the call, from 1; 0 or absent: none fails
//   GRADUS_FAULT_KIND   die: the process dies before the call; torn: it dies half-way through a
//                       write; short: a write takes half; EINTR, EIO, ENOSPC: the call fails, and
//                       with "+" behind all counted ones from there on
//   GRADUS_FAULT_SLOW   microseconds that each counted call takes longer
//   GRADUS_FAULT_LOG    a file that gets a line per counted call before it happens
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::atomic<long> calls{0};
std::array<std::atomic<bool>, 4096> watched{};  // descriptors of files that count

bool is_watched(int descriptor) {
  return descriptor >= 0 && descriptor < static_cast<int>(watched.size()) &&
         watched[static_cast<size_t>(descriptor)];
}

bool counts(const std::string& path) {
  const char* part = setting("GRADUS_FAULT_PATH");
  return *part != 0 && path.find(part) != std::string::npos;
}

// `path` as seen from the folder `descriptor`.
std::string path_at(int descriptor, const char* path) {
  if (path[0] == '/' || descriptor == AT_FDCWD) return path;
  char folder[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = readlink(link.c_str(), folder, sizeof folder);
  return length < 0 ? path : std::string(folder, static_cast<size_t>(length)) + "/" + path;
}

std::string path_of(int descriptor) { return path_at(descriptor, ""); }

void log_call(const std::string& what) {
  const char* path = setting("GRADUS_FAULT_LOG");
  if (*path == 0) return;
  static const int log = real<int(const char*, int, ...)>("open")(
      path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const std::string line = what + "\n";
  if (real<ssize_t(int, const void*, size_t)>("write")(log, line.data(), line.size()) < 0) return;
}

enum class Fault { none, shorten, tear, fail };

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Counts a call; what is to happen to it. `errno` is set where it fails.
Fault next_call(const std::string& what) {
  const long number = ++calls;
  log_call(what);
  if (const long slow = std::atol(setting("GRADUS_FAULT_SLOW")))
    usleep(static_cast<unsigned>(slow));
  const long at = std::atol(setting("GRADUS_FAULT_AT"));
  std::string kind = setting("GRADUS_FAULT_KIND");
  const bool forever = !kind.empty() && kind.back() == '+';
  if (forever) kind.pop_back();
  if (at == 0 || number < at || (number > at && !forever)) return Fault::none;
  if (kind == "die") die();
  if (kind == "torn") return Fault::tear;
  if (kind == "short") return Fault::shorten;
  errno = kind == "EINTR" ? EINTR : kind == "EIO" ? EIO : ENOSPC;
  return Fault::fail;
}

// For calls that are done or not done.
bool fails(const std::string& what) {
  const Fault fault = next_call(what);
  if (fault == Fault::tear) die();
  return fault == Fault::fail;
}

int opened(int descriptor, const std::string& path) {
  if (descriptor >= 0 && descriptor < static_cast<int>(watched.size()))
    watched[static_cast<size_t>(descriptor)] = counts(path);
  return descriptor;
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
  const std::string whole = path_at(folder, path);
  const bool writes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
  if (counts(whole) && writes && fails("open " + whole)) return -1;
  return opened(real<int(int, const char*, int, ...)>("openat")(folder, path, flags, mode), whole);
}

mode_t mode_of(int flags, va_list list) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(list, int)) : 0;
}

}  // namespace

// The names are libc's.
extern "C" {

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_of(flags, list);
  va_end(list);
  return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_of(flags, list);
  va_end(list);
  return open_at(AT_FDCWD, path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  const auto call = real<ssize_t(int, const void*, size_t)>("write");
  if (!is_watched(descriptor)) return call(descriptor, bytes, count);
  const Fault fault = next_call("write " + path_of(descriptor));
  if (fault == Fault::fail) return -1;
  if (fault == Fault::none) return call(descriptor, bytes, count);
  const ssize_t written = call(descriptor, bytes, std::max<size_t>(count / 2, 1));
  if (fault == Fault::tear) die();
  return written;
}

int fsync(int descriptor) {
  if (is_watched(descriptor) && fails("fsync " + path_of(descriptor))) return -1;
  return real<int(int)>("fsync")(descriptor);
}

int ftruncate(int descriptor, off_t bytes) noexcept {
  if (is_watched(descriptor) && fails("ftruncate " + path_of(descriptor))) return -1;
  return real<int(int, off_t)>("ftruncate")(descriptor, bytes);
}

// The descriptor is given back even where the call fails, as on Linux.
int close(int descriptor) {
  bool failed = false;
  int reason = 0;
  if (is_watched(descriptor)) {
    failed = fails("close " + path_of(descriptor));
    reason = errno;
    watched[static_cast<size_t>(descriptor)] = false;
  }
  const int result = real<int(int)>("close")(descriptor);
  if (!failed) return result;
  errno = reason;
  return -1;
}

int rename(const char* from, const char* to) noexcept {
  if (counts(to) && fails(std::string("rename ") + from + " " + to)) return -1;
  return real<int(const char*, const char*)>("rename")(from, to);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (counts(path) && fails(std::string("mkdir ") + path)) return -1;
  return real<int(const char*, mode_t)>("mkdir")(path, mode);
}

int unlink(const char* path) noexcept {
  if (counts(path) && fails(std::string("unlink ") + path)) return -1;
  return real<int(const char*)>("unlink")(path);
}

int rmdir(const char* path) noexcept {
  if (counts(path) && fails(std::string("rmdir ") + path)) return -1;
  return real<int(const char*)>("rmdir")(path);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  const std::string whole = path_at(folder, path);
  if (counts(whole) && fails("unlinkat " + whole)) return -1;
  return real<int(int, const char*, int)>("unlinkat")(folder, path, flags);
}

}  // extern "C"
