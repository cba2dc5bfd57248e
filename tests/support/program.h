// SPDX-License-Identifier: Apache-2.0
// Runs the program as a user does. The build defines GRADUS_PROGRAM for who includes this.
#pragma once

#include <array>
#include <cstdio>
#include <string>

#include <sys/wait.h>

namespace gradus::testing {

struct Outcome {
  int code = -1;
  std::string output;
};

// Runs a shell command; `output` is what it prints.
inline Outcome run_shell(const std::string& command) {
  Outcome outcome;
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> piece{};
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), pipe))
    outcome.output.append(piece.data(), got);
  outcome.code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

// `output` is what `streams` ("2>&1", "2>/dev/null") lets through.
inline Outcome run(const std::string& arguments, const std::string& streams = "2>&1") {
  return run_shell(std::string(GRADUS_PROGRAM) + " " + arguments + " " + streams);
}

}  // namespace gradus::testing
