// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/command.h"

namespace gradus {

inline constexpr std::string_view completion_shells[] = {"bash", "zsh", "fish"};

// A script that teaches a shell the commands, their options and, where a command takes settings,
// the keys of a recipe. Throws for another shell.
std::string completion_script(std::string_view shell, std::span<const Command> commands);

}  // namespace gradus
