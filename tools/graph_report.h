// SPDX-License-Identifier: Apache-2.0
// What `gradus data` says of a graph.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/node_graph.h"

namespace gradus {

struct GraphStatistics {
  int64_t nodes = 0, edges = 0;
  int64_t self_loops = 0, repeated = 0;  // of the list, left out
  int64_t alone = 0;                     // nodes without an edge
  int64_t components = 0;                // parts without an edge between them, lone nodes included
  int64_t least_degree = 0, most_degree = 0;
  double mean_degree = 0;
};
GraphStatistics graph_statistics(const NodeGraph& graph);

// A node, the class that it has in this part of the data (-1: none), its neighbours and features.
struct NodeView {
  int64_t node = 0, label = -1;
  std::vector<std::string> neighbours = {};
  std::vector<double> features = {};
};
// The first `count` nodes of a data set whose sample is a graph.
std::vector<NodeView> node_views(const Dataset& data, int64_t count);
// On one line, with at most 10 neighbours and 20 features.
std::string node_text(const Dataset& data, const NodeView& view);

}  // namespace gradus
