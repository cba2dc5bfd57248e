// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

// A matrix of (nodes, nodes) in compressed rows: row r has the entries crow[r] .. crow[r + 1] - 1,
// in rising columns.
struct SparseRows {
  std::vector<int64_t> crow, col;
  std::vector<double> values;

  int64_t rows() const { return static_cast<int64_t>(crow.size()) - 1; }
};

// An edge as a list of edges has it.
struct Edge {
  int64_t source, target;  // nodes, from 0
  double weight = 1;
  int64_t line = 0;  // of the list, for messages
};

// Nodes and undirected edges between different ones, each held in both its rows.
struct NodeGraph {
  std::vector<std::string> names;  // of the nodes
  SparseRows adjacency;            // weights
  // Entries of the list that add nothing: an edge of a node to itself, and an edge that stands
  // there already, in whatever direction.
  int64_t self_loops = 0, repeated = 0;

  int64_t nodes() const { return static_cast<int64_t>(names.size()); }
  int64_t edges() const { return static_cast<int64_t>(adjacency.col.size()) / 2; }
  int64_t degree(int64_t node) const {
    const auto at = static_cast<size_t>(node);
    return adjacency.crow[at + 1] - adjacency.crow[at];
  }
};

// Throws bad_data beginning with `source` for an edge that stands in the list twice with different
// weights, for a weight below 0, not finite, or so large that a sum of weights is not finite. Nodes
// of edges are in [0, names.size()).
NodeGraph make_node_graph(const std::string& source, std::vector<std::string> names,
                          const std::vector<Edge>& edges);

// D^-1/2 (A + I) D^-1/2 with D the row sums of A + I: what a graph convolution multiplies by (Kipf
// and Welling, Semi-supervised classification with graph convolutional networks, 2017, equation 2).
SparseRows symmetric_normalised(const SparseRows& adjacency);

}  // namespace gradus
