// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/passes.h"

namespace gradus {
namespace {

// Equal keys mean equal values: the op, its attributes as text (a double prints so that it reads
// back the same) and its mapped inputs.
std::string key_of(const Node& node, const std::vector<Value>& inputs) {
  std::string key(node.op->name);
  for (const NamedAttr& attr : node.attrs.all()) {
    key += '|';
    key += to_string(attr.second);
  }
  for (const Value& input : inputs)
    key += input ? ";" + std::to_string(input.node()) + "." + std::to_string(input.output()) : ";-";
  return key;
}

}  // namespace

GraphPtr eliminate_common_subexpressions(const Graph& graph) {
  Rewriter rewriter(graph);
  std::map<std::string, int> known;  // key -> first old node
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind != NodeKind::op || !node.subgraphs.empty()) {
      rewriter.copy(i);
      continue;
    }
    std::vector<Value> inputs;
    for (const ValueRef& input : node.inputs) inputs.push_back(rewriter.mapped(input));
    const auto [first, is_new] = known.emplace(key_of(node, inputs), i);
    if (is_new) {
      rewriter.copy(i);
    } else {
      for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k)
        rewriter.replace({i, k}, rewriter.mapped({first->second, k}));
    }
  }
  return rewriter.finish();
}

}  // namespace gradus
