// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/passes.h"

namespace gradus {

GraphPtr eliminate_dead_code(const Graph& graph) {
  const int count = static_cast<int>(graph.nodes().size());
  std::vector<bool> needed(static_cast<size_t>(count), false);
  const auto need = [&](ValueRef value) { needed[static_cast<size_t>(value.node)] = true; };
  for (const NamedValue& output : graph.outputs()) need(output.value);
  for (const NamedValue& update : graph.updates()) need(update.value);
  for (int index : graph.inputs()) need({index, 0});
  for (int index : graph.states()) need({index, 0});
  Rewriter rewriter(graph);
  for (int i = count - 1; i >= 0; --i)
    if (needed[static_cast<size_t>(i)])
      for (const ValueRef& input : graph.node(i).inputs)
        if (input.present()) need(input);
  for (int i = 0; i < count; ++i)
    if (needed[static_cast<size_t>(i)]) rewriter.copy(i);
  return rewriter.finish();
}

}  // namespace gradus
