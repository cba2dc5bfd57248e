// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/io/output_file.h"

namespace gradus {

// metrics.jsonl: one line per optimizer step or evaluation, each of them once however often the run
// was killed and went on.
class MetricsLog {
 public:
  // Begins where a checkpoint left it: keeps the first `bytes` bytes. A file that is shorter, or
  // that has no end of line there, keeps its whole lines up to that place, and `lost` is then true.
  // 0: begins anew. Throws Error(io).
  MetricsLog(const std::string& path, int64_t bytes);

  bool lost() const { return lost_; }
  int64_t bytes() const { return bytes_; }  // of all lines so far
  // `line` without its end; it has reached the system when this returns.
  void add(std::string_view line);
  // Returns when all lines are on the disk. May run beside add() in another thread.
  void flush() { file_.flush(); }

 private:
  OutputFile file_;
  int64_t bytes_ = 0;
  bool lost_ = false;
  std::string buffer_;
};

}  // namespace gradus
