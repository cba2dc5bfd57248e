// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gradus {

// One process at a time holds the lock at `path`, a file that names the process and its machine.
// The system gives it back when the process ends in whatever way; a file left behind locks nothing.
class FileLock {
 public:
  // Throws Error: invalid_argument naming the holder where another process (or another FileLock of
  // this one) has it, io where the system refuses.
  explicit FileLock(std::string path);
  // Removes the file.
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  bool is_current() const;

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace gradus
