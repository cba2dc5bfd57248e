// SPDX-License-Identifier: Apache-2.0
#include "tools/commands.h"
#include "tools/op_commands.h"

namespace gradus {

Command op_command() {
  return {.name = "op",
          .doc = "List, show, check, measure and run single ops",
          .commands = {op_list_command(), op_show_command(), op_check_command(), op_bench_command(),
                       op_run_command(), op_run_many_command()}};
}

}  // namespace gradus
