// SPDX-License-Identifier: Apache-2.0
// The program `gradus`. A command is one file, tools/command_<name>.cpp, and one line here.
#include "ops/all_ops.h"
#include "tools/command_line.h"
#include "tools/commands.h"

int main(int argc, char** argv) {
  using namespace gradus;
  register_all_ops();
  const Command commands[] = {
      train_command(), eval_command(), generate_command(),
      bench_command(), op_command(),   plan_command(),
  };
  return run_command_line(commands, argc, argv);
}
