// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/exec/executable.h"

namespace gradus {

// Finds the first value of a run that is NaN or infinite: an input, a state, or what a node makes.
// Infinities that a node was asked for (an attribute is infinite) do not count.
class FiniteWatch : public RunObserver {
 public:
  // The program should have no fused nodes: their parts have no names.
  explicit FiniteWatch(Executable& program);

  void run_begins() override;
  void step_ended(size_t step) override;

  // "node 'fc1.linear' (linear) made nan at element 17 of f32 (20, 16)"; empty while all is finite.
  const std::string& found() const { return found_; }

 private:
  void look(std::string_view what, const Tensor& value);

  Executable* program_;
  std::vector<int> nodes_;  // by step
  std::string found_;
};

}  // namespace gradus
