// SPDX-License-Identifier: Apache-2.0
#include "training/metrics_log.h"

#include <algorithm>

#include "engine/io/input_file.h"

namespace gradus {
namespace {

constexpr size_t longest_line = 4096;  // what lines take without allocating

// Bytes of the whole lines among the first `limit`.
int64_t whole_lines(const std::string& path, int64_t limit) {
  const InputFile file(path);
  std::string piece(longest_line, '\0');
  for (int64_t end = std::min(limit, file.bytes()); end > 0;) {
    const int64_t begin = std::max<int64_t>(0, end - static_cast<int64_t>(piece.size()));
    file.read(begin, static_cast<size_t>(end - begin), piece.data());
    const size_t last =
        std::string_view(piece).substr(0, static_cast<size_t>(end - begin)).rfind('\n');
    if (last != std::string_view::npos) return begin + static_cast<int64_t>(last) + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

MetricsLog::MetricsLog(const std::string& path, int64_t bytes)
    : file_(path, OutputFile::Mode::update) {
  buffer_.reserve(longest_line);
  bytes_ = bytes > 0 ? whole_lines(path, bytes) : 0;
  lost_ = bytes_ != bytes;
  file_.cut(bytes_);
}

void MetricsLog::add(std::string_view line) {
  buffer_.assign(line);
  buffer_ += '\n';
  file_.write(buffer_);
  bytes_ += static_cast<int64_t>(buffer_.size());
}

}  // namespace gradus
