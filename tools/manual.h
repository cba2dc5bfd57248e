// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "tools/command.h"

namespace gradus {

// A page of the manual (roff with the man macros, section 1) for the whole program.
std::string program_page(std::span<const Command> commands);
// The same for one command; `path` is its words after the program's name: "op run".
std::string command_page(const Command& command, const std::string& path);

}  // namespace gradus
