// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <new>
#include <system_error>

#include <CLI/CLI.hpp>

#include "engine/base/version.h"
#include "engine/op/attributes.h"

namespace gradus {
namespace {

constexpr int usage_error = 2;

// A number beyond 64 bits would quietly become the largest one. Other texts are CLI11's to judge.
std::string check_integer(const std::string& text) {
  const size_t begin = text.starts_with('+') ? 1 : 0;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data() + begin, text.data() + text.size(), number);
  return error == std::errc::result_out_of_range ? fmt::format("{} is out of range", text) : "";
}

void add_option(CLI::App& app, const CommandOption& option) {
  if (const auto* flag = std::get_if<bool*>(&option.value)) {
    app.add_flag(option.name, **flag, option.doc);
    return;
  }
  CLI::Option* added = std::visit(
      [&](auto* value) -> CLI::Option* { return app.add_option(option.name, *value, option.doc); },
      option.value);
  if (option.required) added->required();
  if (std::holds_alternative<int64_t*>(option.value)) added->check(check_integer);
}

// Adds `command` below `parent`; `chosen` gets the one that the arguments name.
void add_command(CLI::App& parent, const Command& command, const Command*& chosen) {
  CLI::App& app = *parent.add_subcommand(command.name, command.doc);
  for (const CommandOption& option : command.options) add_option(app, option);
  for (const Command& below : command.commands) add_command(app, below, chosen);
  if (!command.commands.empty()) app.require_subcommand(1);
  if (command.notes) app.footer(command.notes);
  if (command.run) app.callback([&command, &chosen] { chosen = &command; });
}

// Whether a message begins with FILE:LINE:COLUMN: which then stands first, as editors expect.
bool begins_with_place(std::string_view message) {
  std::string_view place = message.substr(0, message.find(": "));
  for (int part = 0; part < 2; ++part) {
    const size_t colon = place.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == place.size() ||
        place.find_first_not_of("0123456789", colon + 1) != std::string_view::npos)
      return false;
    place = place.substr(0, colon);
  }
  return !place.empty();
}

int report(std::string_view message, int code) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s%.*s\n", begins_with_place(message) ? "" : "gradus: error: ",
               static_cast<int>(message.size()), message.data());
  return code;
}

// What was printed must have arrived: a full disk behind stdout is an error too.
int flushed(int code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  return report(fmt::format("[stdout] cannot write: {}", std::strerror(errno != 0 ? errno : EIO)),
                exit_code(ErrorKind::io));
}

int run_chosen(const Command& command) {
  try {
    return flushed(command.run());
  } catch (const Error& error) {
    return report(error.what(), exit_code(error.kind()));
  } catch (const std::system_error& error) {  // from printing
    return report(error.what(), exit_code(ErrorKind::io));
  } catch (const std::bad_alloc&) {
    return report("out of memory", exit_code(ErrorKind::out_of_memory));
  } catch (const std::exception& error) {
    return report(error.what(), exit_code(ErrorKind::internal));
  }
}

// What prints the help of the command that `words` begin with: "gradus op check --help".
std::string help_of(std::span<const Command> commands, std::span<const char* const> words) {
  std::string line = "gradus";
  for (const std::string_view word : words) {
    const auto found = std::ranges::find(commands, word, &Command::name);
    if (found == commands.end()) break;
    line += " " + found->name;
    commands = found->commands;
  }
  return line + " --help";
}

// Refuses an option that the command does not have, with the nearest one.
void check_option_names(const Command& command, std::span<const char* const> words,
                        std::string_view help) {
  std::vector<std::string_view> names = {"--help"};
  for (const CommandOption& option : command.options)
    if (!option.is_positional()) names.push_back(option.name);
  for (const std::string_view word : words) {
    if (word == "--") return;
    if (!word.starts_with("--")) continue;
    const std::string_view name = word.substr(0, word.find('='));
    if (std::ranges::count(names, name)) continue;
    const std::string_view near = nearest_name(name, names);
    failf(
        ErrorKind::invalid_argument, "", "unknown option '{}'{}", name,
        near.empty() ? fmt::format("; see `{}`", help) : fmt::format(", did you mean '{}'?", near));
  }
}

// Refuses a word that should be a command or option and is none, with the nearest name, or else
// with `help`, which tells them all.
void check_names(std::span<const Command> commands, std::span<const char* const> words,
                 std::string_view help) {
  if (words.empty() || words[0][0] == '-') return;
  std::vector<std::string_view> names;
  for (const Command& command : commands) {
    if (command.name == words[0]) {
      if (command.commands.empty()) return check_option_names(command, words.subspan(1), help);
      return check_names(command.commands, words.subspan(1), help);
    }
    names.push_back(command.name);
  }
  const std::string_view near = nearest_name(words[0], names);
  if (!near.empty())
    failf(ErrorKind::invalid_argument, "", "unknown command '{}', did you mean '{}'?", words[0],
          near);
  failf(ErrorKind::invalid_argument, "", "unknown command '{}'; see `{}`", words[0], help);
}

}  // namespace

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_argument:
      return usage_error;
    case ErrorKind::not_found:
      return 3;
    case ErrorKind::bad_data:
      return 4;
    case ErrorKind::io:
      return 5;
    case ErrorKind::out_of_memory:
      return 6;
    case ErrorKind::not_finite:
      return 7;
    case ErrorKind::unsupported:
      return 8;
    case ErrorKind::internal:
      return 9;
  }
  return 9;
}

int run_command_line(std::span<const Command> commands, int argc, const char* const* argv) {
  CLI::App app(std::string(program_summary), "gradus");
  app.set_version_flag("--version", std::string("gradus ") + version_string);
  app.require_subcommand(1);
  const Command* chosen = nullptr;
  for (const Command& command : commands) add_command(app, command, chosen);
  const std::span<const char* const> words(argv + (argc > 0 ? 1 : 0),
                                           static_cast<size_t>(std::max(argc - 1, 0)));
  const std::string help = help_of(commands, words);
  try {
    check_names(commands, words, help);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return flushed((app.exit(error), std::cout.flush() ? 0 : exit_code(ErrorKind::io)));
    return report(fmt::format("{}; see `{}`", error.what(), help), usage_error);
  } catch (const Error& error) {
    return report(error.what(), exit_code(error.kind()));
  }
  return run_chosen(*chosen);
}

}  // namespace gradus
