// SPDX-License-Identifier: Apache-2.0
// What the program reads from its environment, and the codes it ends with: for its manual and
// documentation.
#pragma once

#include <span>
#include <string_view>

namespace gradus {

struct EnvironmentVariable {
  std::string_view name;
  std::string_view doc;
};
std::span<const EnvironmentVariable> environment_variables();

struct ExitCode {
  int code;
  std::string_view meaning;
};
// In the order of their numbers; docs/exit_codes.md lists the same.
std::span<const ExitCode> exit_codes();

}  // namespace gradus
