// SPDX-License-Identifier: Apache-2.0
#include "data/node_graph.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "engine/base/error.h"

namespace gradus {
namespace {

std::string place_of(const std::string& source, int64_t line) {
  return line > 0 ? fmt::format("{}:{}", source, line) : source;
}

// Each edge once, from the lower to the higher node, in this order.
std::vector<Edge> single_edges(const std::string& source, const std::vector<Edge>& edges,
                               NodeGraph& graph) {
  std::vector<Edge> all;
  for (Edge edge : edges) {
    if (!std::isfinite(edge.weight) || edge.weight < 0)
      failf(ErrorKind::bad_data, place_of(source, edge.line),
            "weight, expected a finite number of at least 0, got {}", edge.weight);
    if (edge.source == edge.target) {
      ++graph.self_loops;
      continue;
    }
    if (edge.source > edge.target) std::swap(edge.source, edge.target);
    all.push_back(edge);
  }
  std::ranges::stable_sort(all, {}, [](const Edge& e) { return std::pair(e.source, e.target); });
  std::vector<Edge> once;
  for (const Edge& edge : all) {
    const bool again =
        !once.empty() && once.back().source == edge.source && once.back().target == edge.target;
    if (!again) {
      once.push_back(edge);
      continue;
    }
    ++graph.repeated;
    if (once.back().weight != edge.weight)
      failf(ErrorKind::bad_data, place_of(source, edge.line),
            "the edge between '{}' and '{}' has the weight {}, on line {} it has {}",
            graph.names[static_cast<size_t>(edge.source)],
            graph.names[static_cast<size_t>(edge.target)], edge.weight, once.back().line,
            once.back().weight);
  }
  return once;
}

}  // namespace

NodeGraph make_node_graph(const std::string& source, std::vector<std::string> names,
                          const std::vector<Edge>& edges) {
  NodeGraph graph;
  graph.names = std::move(names);
  const std::vector<Edge> once = single_edges(source, edges, graph);
  SparseRows& rows = graph.adjacency;
  rows.crow.assign(graph.names.size() + 1, 0);
  for (const Edge& edge : once) {
    ++rows.crow[static_cast<size_t>(edge.source) + 1];
    ++rows.crow[static_cast<size_t>(edge.target) + 1];
  }
  for (size_t i = 1; i < rows.crow.size(); ++i) rows.crow[i] += rows.crow[i - 1];
  rows.col.resize(2 * once.size());
  rows.values.resize(2 * once.size());
  std::vector<int64_t> next(rows.crow.begin(), rows.crow.end() - 1);
  const auto put = [&](int64_t row, int64_t column, double weight) {
    const auto at = static_cast<size_t>(next[static_cast<size_t>(row)]++);
    rows.col[at] = column;
    rows.values[at] = weight;
  };
  // The edges rise, so that a row first gets its lower neighbours, then its higher ones.
  for (const Edge& edge : once) put(edge.target, edge.source, edge.weight);
  for (const Edge& edge : once) put(edge.source, edge.target, edge.weight);
  for (int64_t node = 0; node < graph.nodes(); ++node) {
    double sum = 1;
    for (int64_t i = rows.crow[static_cast<size_t>(node)]; i < next[static_cast<size_t>(node)]; ++i)
      sum += rows.values[static_cast<size_t>(i)];
    if (!std::isfinite(sum))
      failf(ErrorKind::bad_data, source, "the weights of the edges of '{}' have no finite sum",
            graph.names[static_cast<size_t>(node)]);
  }
  return graph;
}

SparseRows symmetric_normalised(const SparseRows& adjacency) {
  const int64_t nodes = adjacency.rows();
  SparseRows result;
  result.crow.push_back(0);
  std::vector<double> root(static_cast<size_t>(nodes));  // of the row sums
  const auto each = [&](int64_t node, auto&& visit) {
    for (auto i = static_cast<size_t>(adjacency.crow[static_cast<size_t>(node)]);
         i < static_cast<size_t>(adjacency.crow[static_cast<size_t>(node) + 1]); ++i)
      visit(adjacency.col[i], adjacency.values[i]);
  };
  for (int64_t node = 0; node < nodes; ++node) {
    double sum = 1;
    each(node, [&](int64_t, double weight) { sum += weight; });
    root[static_cast<size_t>(node)] = std::sqrt(sum);
  }
  const auto put = [&](int64_t row, int64_t column, double weight) {
    result.col.push_back(column);
    result.values.push_back(weight / root[static_cast<size_t>(row)] /
                            root[static_cast<size_t>(column)]);
  };
  for (int64_t node = 0; node < nodes; ++node) {
    bool itself = false;
    each(node, [&](int64_t column, double weight) {
      if (!itself && column > node) {
        put(node, node, 1);
        itself = true;
      }
      put(node, column, weight);
    });
    if (!itself) put(node, node, 1);
    result.crow.push_back(static_cast<int64_t>(result.col.size()));
  }
  return result;
}

}  // namespace gradus
