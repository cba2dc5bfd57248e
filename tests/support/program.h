// SPDX-License-Identifier: Apache-2.0
// Runs the program as a user does, and names files of the source tree.
#pragma once

#include <string>

namespace gradus::testing {

// The program of this build.
std::string program();

// An absolute path; `file` is relative to the top of the source tree.
std::string source_path(const std::string& file);

struct Outcome {
  int code = -1;
  std::string output;
};

// Runs a shell command; `output` is what it prints.
Outcome run_shell(const std::string& command);

// `output` is what `streams` ("2>&1", "2>/dev/null") lets through.
Outcome run(const std::string& arguments, const std::string& streams = "2>&1");

}  // namespace gradus::testing
