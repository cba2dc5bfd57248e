// SPDX-License-Identifier: Apache-2.0
// Paths of this checkout stand in this file alone (its two macros are the build's): tests that had
// them in their flags would be compiled anew in every clone.
#include "tests/support/program.h"

#include <array>
#include <cstdio>

#include <sys/wait.h>

namespace gradus::testing {

std::string program() { return GRADUS_PROGRAM; }

std::string source_path(const std::string& file) { return GRADUS_SOURCE_DIR "/" + file; }

Outcome run_shell(const std::string& command) {
  Outcome outcome;
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> piece{};
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), pipe))
    outcome.output.append(piece.data(), got);
  outcome.code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

Outcome run(const std::string& arguments, const std::string& streams) {
  return run_shell(program() + " " + arguments + " " + streams);
}

}  // namespace gradus::testing
