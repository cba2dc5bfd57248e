// SPDX-License-Identifier: Apache-2.0
// Random graphs for property tests of planner, executor and passes.
#pragma once

#include <memory>

#include "engine/exec/stepwise.h"
#include "engine/graph/graph.h"

namespace gradus::testing {

// What a random graph may hold.
struct RandomGraphOptions {
  int nodes = 30;
  bool updates = true;  // states that are read and updated, in place where the planner sees fit
  bool views = true;
  // Also random nodes, f32, products (which need workspace), ops of several outputs, ops that may
  // take over an input's memory, and ops with two parameters. Differences cannot follow all of it.
  bool all_kinds = false;
};

// Elementwise ops, broadcasts, reductions, reshapes and softmax over small f64 tensors, with some
// inputs, states, outputs and updates.
std::unique_ptr<Graph> random_graph(uint64_t seed, const RandomGraphOptions& options = {});

// Values in [-1, 1) for every input (or every state) of the graph.
TensorMap random_inputs(const Graph& graph, uint64_t seed);
TensorMap random_states(const Graph& graph, uint64_t seed);

// True if dtype, shape and every bit agree.
bool same_bits(const Tensor& a, const Tensor& b);

}  // namespace gradus::testing
