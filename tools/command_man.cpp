// SPDX-License-Identifier: Apache-2.0
// `gradus man`: prints a page of the manual, or writes all of them for packages.
#include <cstdio>
#include <memory>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "tools/commands.h"
#include "tools/manual.h"

namespace gradus {
namespace {

struct ManOptions {
  std::vector<std::string> words;
  std::string output;
};

void write_pages(const std::vector<Command>& commands, const std::string& path,
                 const std::string& folder) {
  for (const Command& command : commands) {
    const std::string words = path.empty() ? command.name : path + " " + command.name;
    std::string name = words;
    for (char& c : name)
      if (c == ' ') c = '-';
    const std::string page = command_page(command, words);
    const std::string_view parts[] = {page};
    write_file_atomically(folder + "/gradus-" + name + ".1", parts);
    write_pages(command.commands, words, folder);
  }
}

const Command& find(const std::vector<Command>& commands, const std::string& name) {
  for (const Command& command : commands)
    if (command.name == name) return command;
  failf(ErrorKind::not_found, "man", "no command '{}'; see `gradus --help`", name);
}

int run_man(const ManOptions& options) {
  const std::vector<Command> commands = all_commands();
  if (!options.output.empty()) {
    const std::string page = program_page(commands);
    const std::string_view parts[] = {page};
    write_file_atomically(options.output + "/gradus.1", parts);
    write_pages(commands, "", options.output);
    return exit_success;
  }
  std::string page = program_page(commands), path;
  const std::vector<Command>* below = &commands;
  for (const std::string& word : options.words) {
    const Command& command = find(*below, word);
    path += path.empty() ? word : " " + word;
    page = command_page(command, path);
    below = &command.commands;
  }
  std::fputs(page.c_str(), stdout);
  return exit_success;
}

}  // namespace

Command man_command() {
  const auto options = std::make_shared<ManOptions>();
  return {.name = "man",
          .doc = "Print a page of the manual: gradus man op run | man -l -",
          .options = {{"COMMAND", "The words of a command; without them the program's page",
                       &options->words},
                      {"--output", "Write all pages into this folder", &options->output}},
          .run = [options] { return run_man(*options); }};
}

}  // namespace gradus
