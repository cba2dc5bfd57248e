// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace gradus {

enum class LogLevel { debug, info, warning, error };

// Where messages go: nowhere until a program installs a sink (the library itself never prints).
using LogSink = void (*)(LogLevel level, std::string_view message);
void set_log_sink(LogSink sink);
void log(LogLevel level, std::string_view message);

}  // namespace gradus
