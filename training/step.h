// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "engine/exec/stepwise.h"
#include "engine/graph/graph.h"
#include "models/layers/parameter_table.h"

namespace gradus {

// The first version of every state, by name, on `device`.
TensorMap first_states(const ParameterTable& parameters, uint64_t seed, Device& device);

// A graph that runs again and again over shared states.
class Step {
 public:
  // `states` and `device` outlive the step; every state of the graph must be in `states`.
  Step(std::unique_ptr<const Graph> graph, TensorMap& states, Device& device);

  const Graph& graph() const { return *graph_; }
  // Host memory of an input, to be filled before run().
  Tensor& input(std::string_view name);
  void set_input(std::string_view name, double value);  // all its elements
  void run(const RngState& rng);
  // The one value of an output of the last run.
  double output(std::string_view name) const;

 private:
  std::unique_ptr<const Graph> graph_;
  TensorMap& states_;
  Device& device_;
  TensorMap inputs_;
  TensorMap outputs_;
};

}  // namespace gradus
