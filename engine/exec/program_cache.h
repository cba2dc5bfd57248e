// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "engine/exec/executable.h"
#include "engine/passes/rewrite.h"

namespace gradus {

// Planned programs by the specs of their inputs: new shapes make a new plan, known ones reuse
// theirs. All share one arena and one state store.
class ProgramCache {
 public:
  // Builds the graph (passes included) for inputs of these specs.
  using Build = std::function<GraphPtr(std::span<const TensorSpec> inputs)>;

  ProgramCache(StateStore& states, Arena& arena, Build build)
      : states_(&states), arena_(&arena), build_(std::move(build)) {}

  // The program for these inputs; planned when asked for the first time. Valid as long as the
  // cache.
  Executable& get(std::span<const TensorSpec> inputs);
  size_t size() const { return programs_.size(); }

 private:
  StateStore* states_;
  Arena* arena_;
  Build build_;
  std::map<std::string, std::unique_ptr<Executable>> programs_;
};

}  // namespace gradus
