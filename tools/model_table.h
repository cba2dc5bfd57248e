// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "engine/graph/graph.h"
#include "models/layers/parameter_table.h"

namespace gradus {

// One layer of a model: the nodes and parameters whose paths begin with its own.
struct LayerRow {
  std::string layer;             // its path; empty: what stands outside of layers
  std::vector<std::string> ops;  // each once, in the order in which they run
  Shape output;                  // of its last node
  int64_t parameters = 0;        // trained numbers
  int64_t buffers = 0;           // numbers that it updates itself
  double flops = 0;              // of the forward pass on this graph's batch
};

// The layer that a node or parameter of this path belongs to: everything before the last dot, with
// `depth` > 0 at most so many names of it.
std::string layer_path(const std::string& path, int64_t depth = 0);

// The layers of a model's graph in the order in which they run. With `depth` > 0 paths are cut
// after so many names. A parameter that several layers read belongs to the one that declares it.
std::vector<LayerRow> model_layers(const Graph& graph, const ParameterTable& parameters,
                                   int64_t depth = 0);

}  // namespace gradus
