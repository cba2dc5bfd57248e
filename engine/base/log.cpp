// SPDX-License-Identifier: Apache-2.0
#include "engine/base/log.h"

#include <atomic>

namespace gradus {
namespace {
std::atomic<LogSink> current_sink{nullptr};
}

void set_log_sink(LogSink sink) { current_sink = sink; }

void log(LogLevel level, std::string_view message) {
  if (LogSink sink = current_sink.load()) sink(level, message);
}

}  // namespace gradus
