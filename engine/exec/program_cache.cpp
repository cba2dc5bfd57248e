// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/program_cache.h"

namespace gradus {

Executable& ProgramCache::get(std::span<const TensorSpec> inputs) {
  std::string key;
  for (const TensorSpec& spec : inputs) key += to_string(spec) + ";";
  std::unique_ptr<Executable>& program = programs_[key];
  if (!program) program = std::make_unique<Executable>(build_(inputs), *states_, *arena_);
  return *program;
}

}  // namespace gradus
