// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/base/philox.h"
#include "engine/graph/graph.h"

namespace gradus {

using TensorMap = std::map<std::string, Tensor, std::less<>>;

struct StepwiseOptions {
  Device* device = &cpu_device();
  RngState rng = {};
  // Called after each node with its outputs; for debugging (the first NaN) and tracing.
  std::function<void(const Node&, std::span<const Tensor>)> observe = {};
};

// Runs one op on tensors of one device and returns freshly allocated outputs. `variant` as in
// KernelCall.
std::vector<Tensor> run_op(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs,
                           const StepwiseOptions& options = {}, std::string_view variant = {});

// Runs a graph node by node, allocating as it goes and freeing a value after its last reader.
// `inputs` by name; `states` by name, replaced by their new versions at the end. Returns the
// outputs by name.
TensorMap run_stepwise(const Graph& graph, const TensorMap& inputs, TensorMap& states,
                       const StepwiseOptions& options = {});

}  // namespace gradus
