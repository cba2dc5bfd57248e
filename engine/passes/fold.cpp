// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/passes/passes.h"

namespace gradus {

GraphPtr fold_constants(const Graph& graph, const Evaluator& evaluate, int64_t most_bytes) {
  Rewriter rewriter(graph);
  std::map<ValueRef, Tensor> known;
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind == NodeKind::constant) known[{i, 0}] = node.constant;
    const bool is_constant =
        node.kind == NodeKind::op && !node.op->random && node.subgraphs.empty() &&
        std::ranges::all_of(node.inputs,
                            [&](const ValueRef& v) { return !v.present() || known.contains(v); }) &&
        std::ranges::all_of(node.outputs, [&](const TensorSpec& spec) {
          return spec.present && spec.bytes() <= most_bytes;
        });
    if (!is_constant) {
      rewriter.copy(i);
      continue;
    }
    std::vector<Tensor> inputs;
    for (const ValueRef& input : node.inputs)
      inputs.push_back(input.present() ? known.at(input) : Tensor());
    const std::vector<Tensor> results = evaluate(node, inputs);
    for (int k = 0; k < static_cast<int>(results.size()); ++k) {
      known[{i, k}] = results[static_cast<size_t>(k)];
      rewriter.replace({i, k}, rewriter.to().constant(results[static_cast<size_t>(k)]));
    }
  }
  return rewriter.finish();
}

}  // namespace gradus
