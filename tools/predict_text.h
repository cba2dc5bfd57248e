// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/predict_inputs.h"

namespace gradus {

struct TextPrediction {
  std::string run;
  std::vector<NamedFile> files;
  std::string output;  // empty: stdout
  int64_t top = 1;     // likeliest next tokens
  int threads = 0;
  bool json = false;
};

// For each line of the files: how well a language model expects it, its line break included, where
// a line break stands before it; and which tokens it expects after the line's last character. Empty
// lines are left out, and what cannot be read or scored is named. Returns the exit code.
int predict_text(const TextPrediction& what);

}  // namespace gradus
