// SPDX-License-Identifier: Apache-2.0
// Many runs of single ops from one file, for suites that start the program once.
//
// The file is safetensors. Its metadata `cases` is a JSON array of objects with the keys name, op,
// attrs (an object), grad (bool, default false) and seed (default 0); tensor NAME/X is the tensor X
// of that case, X as OpRequest names it. The result holds NAME/Y for what run_request returns, and
// the metadata `errors`, a JSON object from names of failed cases to messages.
#pragma once

#include <string>
#include <vector>

#include "tools/op_run.h"

namespace gradus {

struct BatchCase {
  std::string name;
  std::string op;
  std::string attrs;  // JSON
  bool gradient = false;
  uint64_t seed = 0;
  NamedTensors tensors;  // by the names within the case
};

// Throws Error(bad_data) for a file that is no batch.
std::vector<BatchCase> read_batch(const std::string& path);
// Runs one case; throws what the op throws.
NamedTensors run_batch_case(const BatchCase& batch_case);

}  // namespace gradus
