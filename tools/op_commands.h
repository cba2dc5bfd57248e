// SPDX-License-Identifier: Apache-2.0
// The commands below `gradus op`, each defined in tools/command_op_<name>.cpp.
#pragma once

#include "tools/command.h"

namespace gradus {

Command op_list_command();
Command op_show_command();
Command op_check_command();
Command op_bench_command();
Command op_run_command();
Command op_run_many_command();

}  // namespace gradus
