// SPDX-License-Identifier: Apache-2.0
#include "tools/progress_line.h"

#include <cstdio>

#include <fmt/core.h>
#include <unistd.h>

namespace gradus {

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) != 0), last_(Clock::now()) {}

bool ProgressLine::due() const {
  return Clock::now() - last_ >=
         (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(5000));
}

void ProgressLine::show(const std::string& text) {
  last_ = Clock::now();
  if (!terminal_) return note(text);
  std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  std::fflush(stderr);
  open_ = true;
}

void ProgressLine::note(const std::string& text) {
  std::fprintf(stderr, "%s%s\n", open_ ? "\r\x1b[K" : "", text.c_str());
  open_ = false;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60)
                   : fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string bytes_text(double bytes) {
  if (bytes < 1 << 20) return fmt::format("{:.0f} KiB", bytes / (1 << 10));
  if (bytes < 1 << 30) return fmt::format("{:.1f} MiB", bytes / (1 << 20));
  return fmt::format("{:.2f} GiB", bytes / (1 << 30));
}

}  // namespace gradus
