// SPDX-License-Identifier: Apache-2.0
// `gradus completion`: prints the script that completes commands, options and keys in a shell.
#include <cstdio>
#include <memory>

#include "tools/commands.h"
#include "tools/completion.h"

namespace gradus {

Command completion_command() {
  const auto shell = std::make_shared<std::string>();
  return {.name = "completion",
          .doc = "Print a completion script: gradus completion bash|zsh|fish",
          .options = {{"SHELL", "bash, zsh or fish", shell.get(), true}},
          .run = [shell] {
            std::fputs(completion_script(*shell, all_commands()).c_str(), stdout);
            return exit_success;
          }};
}

}  // namespace gradus
