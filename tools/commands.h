// SPDX-License-Identifier: Apache-2.0
// The commands of the program, each defined in tools/command_<name>.cpp.
#pragma once

#include "tools/command.h"

namespace gradus {

Command bench_command();
Command completion_command();
Command config_command();
Command cp_command();
Command data_command();
Command doctor_command();
Command eval_command();
Command find_command();
Command generate_command();
Command learning_curve_command();
Command ls_command();
Command man_command();
Command model_command();
Command op_command();
Command plan_command();
Command predict_command();
Command profile_command();
Command runs_command();
Command selftest_command();
Command train_command();
Command tune_command();
Command version_command();

// The commands in the order in which help lists them.
std::vector<Command> all_commands();

// Those of `gradus data` that make files of texts: tokenize, shard, tokenizer.
std::vector<Command> text_commands();

}  // namespace gradus
