// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "engine/base/error.h"
#include "tools/command.h"

namespace gradus {

inline constexpr std::string_view program_summary =
    "Gradus trains models from the command line and measures kernels with it.";

// The exit code that stands for a kind of error; docs/exit_codes.md lists them.
int exit_code(ErrorKind kind);

// Runs the command that the arguments name and returns its exit code. Help goes to stdout; an error
// is one line `gradus: error: ...` on stderr.
int run_command_line(std::span<const Command> commands, int argc, const char* const* argv);

}  // namespace gradus
