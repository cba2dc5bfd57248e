// SPDX-License-Identifier: Apache-2.0
// The commands of the program, each defined in tools/command_<name>.cpp.
#pragma once

#include "tools/command.h"

namespace gradus {

Command bench_command();
Command eval_command();
Command generate_command();
Command op_command();
Command plan_command();
Command train_command();

}  // namespace gradus
