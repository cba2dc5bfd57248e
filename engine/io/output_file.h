// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// A file that is written, with every answer of the system looked at: a short write goes on, an
// interrupted call is repeated, anything else throws Error(io) naming the file and the reason.
class OutputFile {
 public:
  enum class Mode {
    create,   // it must not exist yet
    replace,  // empties what is there
    update,   // keeps what is there, made where absent; writes start at its end
    special,  // a device or pipe that exists
  };

  // `name` stands in messages; empty: the path.
  OutputFile(std::string path, Mode mode, std::string name = {});
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  // Cuts the file to its first `bytes` bytes; writes go on there.
  void cut(int64_t bytes);
  // Returns when the contents are on the disk. May run beside write() in another thread.
  void flush();
  void close();

  int64_t bytes() const;  // its size now
  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void refuse(std::string_view what) const;

  std::string path_, name_;
  int descriptor_ = -1;
};

// Makes what was created, renamed or removed in a folder last. Does nothing where the file system
// has no such call. Throws Error(io).
void flush_folder(const std::string& path);

}  // namespace gradus
