// SPDX-License-Identifier: Apache-2.0
// The program `gradus`. A command is one file, tools/command_<name>.cpp, and one line in
// tools/all_commands.cpp.
#include <string_view>

#include "engine/base/version.h"
#include "engine/device/cuda/cuda_device.h"
#include "ops/all_ops.h"
#include "tools/command_line.h"
#include "tools/commands.h"

int main(int argc, char** argv) {
  gradus::register_all_ops();
  if constexpr (std::string_view(gradus::build_cuda) != "OFF") gradus::install_cuda_devices();
  const std::vector<gradus::Command> commands = gradus::all_commands();
  return gradus::run_command_line(commands, argc, argv);
}
