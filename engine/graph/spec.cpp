// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "engine/base/error.h"
#include "engine/graph/graph.h"

namespace gradus {
namespace {

void check_node(const Graph& graph, int index) {
  const Node& node = graph.node(index);
  const auto where = [&] { return fmt::format("node {} ({})", index, node.name); };
  std::vector<TensorSpec> specs;
  for (const ValueRef& input : node.inputs) {
    if (!input.present()) {
      specs.push_back(TensorSpec::absent());
      continue;
    }
    GRADUS_ASSERT(input.node < index, "{} reads node {}, which does not come before it", where(),
                  input.node);
    GRADUS_ASSERT(input.output >= 0 &&
                      static_cast<size_t>(input.output) < graph.node(input.node).outputs.size(),
                  "{} reads output {} of node {}, which has {}", where(), input.output, input.node,
                  graph.node(input.node).outputs.size());
    specs.push_back(graph.spec(input));
  }
  if (node.kind == NodeKind::op) {
    GRADUS_ASSERT(node.op != nullptr && !node.op->composite, "{} has no op to run", where());
    GRADUS_ASSERT(node.op->infer({node.op->name, specs, node.attrs}) == node.outputs,
                  "{} has outputs that its shape rule does not give", where());
  } else if (!node.subgraphs.empty()) {
    for (const auto& body : node.subgraphs) check_spec(*body);
  } else {
    GRADUS_ASSERT(node.inputs.empty() && node.outputs.size() == 1,
                  "{} must have one output and no inputs", where());
    GRADUS_ASSERT(node.kind != NodeKind::constant ||
                      TensorSpec({node.constant.dtype(), node.constant.shape()}) == node.outputs[0],
                  "{} is a constant of another spec", where());
  }
}

void check_named(const Graph& graph, const std::vector<NamedValue>& values, std::string_view what) {
  std::set<std::string_view> names;
  for (const NamedValue& named : values) {
    GRADUS_ASSERT(names.insert(named.name).second, "{} '{}' is there twice", what, named.name);
    GRADUS_ASSERT(
        named.value.present() && static_cast<size_t>(named.value.node) < graph.nodes().size(),
        "{} '{}' names no value", what, named.name);
  }
}

}  // namespace

void check_spec(const Graph& graph) {
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) check_node(graph, i);
  for (const auto* list : {&graph.inputs(), &graph.states()}) {
    std::set<std::string_view> names;
    for (int index : *list)
      GRADUS_ASSERT(names.insert(graph.node(index).name).second, "'{}' is declared twice",
                    graph.node(index).name);
  }
  check_named(graph, graph.outputs(), "output");
  check_named(graph, graph.updates(), "update");
  for (const NamedValue& update : graph.updates()) {
    bool found = false;
    for (int index : graph.states())
      found |= graph.node(index).name == update.name &&
               graph.node(index).outputs[0] == graph.spec(update.value);
    GRADUS_ASSERT(found, "update '{}' fits no state", update.name);
  }
}

}  // namespace gradus
