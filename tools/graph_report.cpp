// SPDX-License-Identifier: Apache-2.0
#include "tools/graph_report.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "data/packed_dataset.h"
#include "tools/data_report.h"

namespace gradus {
namespace {

std::span<const int64_t> neighbours_of(const NodeGraph& graph, int64_t node) {
  const auto begin = static_cast<size_t>(graph.adjacency.crow[static_cast<size_t>(node)]);
  return std::span(graph.adjacency.col).subspan(begin, static_cast<size_t>(graph.degree(node)));
}

int64_t count_components(const NodeGraph& graph) {
  std::vector<bool> seen(graph.names.size());
  std::vector<int64_t> open;
  int64_t components = 0;
  for (int64_t start = 0; start < graph.nodes(); ++start) {
    if (seen[static_cast<size_t>(start)]) continue;
    ++components;
    seen[static_cast<size_t>(start)] = true;
    open.push_back(start);
    while (!open.empty()) {
      const int64_t node = open.back();
      open.pop_back();
      for (const int64_t next : neighbours_of(graph, node)) {
        if (seen[static_cast<size_t>(next)]) continue;
        seen[static_cast<size_t>(next)] = true;
        open.push_back(next);
      }
    }
  }
  return components;
}

template <class Items>
std::string shortened(const Items& items, size_t most, const char* form) {
  std::string text;
  for (size_t i = 0; i < std::min(items.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + fmt::format(fmt::runtime(form), items[i]);
  if (items.size() > most) text += fmt::format(", ... ({} in all)", items.size());
  return text;
}

}  // namespace

GraphStatistics graph_statistics(const NodeGraph& graph) {
  GraphStatistics result{.nodes = graph.nodes(),
                         .edges = graph.edges(),
                         .self_loops = graph.self_loops,
                         .repeated = graph.repeated,
                         .components = count_components(graph)};
  result.least_degree = graph.nodes();
  for (int64_t node = 0; node < graph.nodes(); ++node) {
    const int64_t degree = graph.degree(node);
    result.alone += degree == 0 ? 1 : 0;
    result.least_degree = std::min(result.least_degree, degree);
    result.most_degree = std::max(result.most_degree, degree);
  }
  result.mean_degree = 2.0 * static_cast<double>(result.edges) / static_cast<double>(result.nodes);
  return result;
}

std::vector<NodeView> node_views(const Dataset& data, int64_t count) {
  const NodeGraph& graph = *data.graph();
  const auto width = static_cast<size_t>(data.sample_shape()[1]);
  std::vector<NodeView> views;
  SampleReader(data).each(
      1, [&](int64_t, std::span<const double> values, std::span<const double> targets) {
        for (int64_t node = 0; node < std::min(count, graph.nodes()); ++node) {
          const auto at = static_cast<size_t>(node);
          const auto label = static_cast<int64_t>(targets[at]);
          NodeView view{.node = node, .label = label == no_target ? -1 : label};
          for (const int64_t other : neighbours_of(graph, node))
            view.neighbours.push_back(graph.names[static_cast<size_t>(other)]);
          const auto features = values.subspan(at * width, width);
          view.features.assign(features.begin(), features.end());
          views.push_back(std::move(view));
        }
      });
  return views;
}

std::string node_text(const Dataset& data, const NodeView& view) {
  const std::vector<std::string> names = data.class_names();
  return fmt::format(
      "{}: {}, {} neighbours ({}); {}\n", data.graph()->names[static_cast<size_t>(view.node)],
      view.label < 0 ? "no class here" : "class " + names[static_cast<size_t>(view.label)],
      view.neighbours.size(), shortened(view.neighbours, 10, "{}"),
      shortened(view.features, 20, "{:.4g}"));
}

}  // namespace gradus
