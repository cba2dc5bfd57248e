// SPDX-License-Identifier: Apache-2.0
// How a command of the program declares itself. The command line, its help and its errors come from
// these tables; no command parses arguments.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace gradus {

// "--threads" is an option, "NAME" a positional argument; a vector takes all that remain. `value`
// must live as long as the command and holds the default.
struct CommandOption {
  std::string name;
  std::string doc;
  std::variant<bool*, int64_t*, double*, std::string*, std::vector<std::string>*> value;
  bool required = false;

  bool is_positional() const { return name[0] != '-'; }
  bool is_flag() const { return std::holds_alternative<bool*>(value); }
};

struct Command {
  std::string name;
  std::string doc;
  std::vector<CommandOption> options = {};
  // Returns the exit code (docs/exit_codes.md), or throws Error. Null where there are subcommands.
  std::function<int()> run = {};
  std::vector<Command> commands = {};
  // What --help prints below the options. May be empty.
  std::function<std::string()> notes = {};
};

// 0; 1: the command ran, and its answer is no (a check failed); 10: a signal stopped it, and the
// same command goes on from a checkpoint.
inline constexpr int exit_success = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_stopped = 10;

}  // namespace gradus
