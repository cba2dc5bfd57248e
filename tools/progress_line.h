// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace gradus {

// Progress on stderr: on a terminal one line that is written over, elsewhere a line every few
// seconds.
class ProgressLine {
 public:
  ProgressLine();
  // Whether the last line is old enough for another one.
  bool due() const;
  // Shows `text` in the place of what was shown before.
  void show(const std::string& text);
  // A line that stays.
  void note(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;

  bool terminal_;
  bool open_ = false;  // a line without its end stands on the terminal
  Clock::time_point last_;
};

// "1:07", "2:03:00".
std::string clock_text(double seconds);
// "812 KiB", "3.4 MiB".
std::string bytes_text(double bytes);

}  // namespace gradus
