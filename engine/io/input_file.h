// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gradus {

// A regular file that is read at any place. Throws Error: not_found where there is none, bad_data
// for a folder or device, io where the system refuses.
class InputFile {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int64_t bytes() const { return bytes_; }  // when it was opened
  // Throws bad_data where the file ends before.
  void read(int64_t offset, size_t bytes, void* to) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t bytes_ = 0;
};

}  // namespace gradus
