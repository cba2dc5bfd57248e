// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/passes.h"

namespace gradus {

GraphPtr run_passes(GraphPtr graph, const std::vector<Pass>& passes,
                    const std::function<void(std::string_view, const Graph&)>& observe) {
  for (const Pass& pass : passes) {
    graph = pass.run(*graph);
#if !defined(NDEBUG)
    check_spec(*graph);
#endif
    if (observe) observe(pass.name, *graph);
  }
  return graph;
}

std::vector<Pass> standard_passes(const Evaluator& evaluate) {
  return {{"dead_code", eliminate_dead_code},
          {"common_subexpressions", eliminate_common_subexpressions},
          {"fold", [evaluate](const Graph& graph) { return fold_constants(graph, evaluate); }},
          {"common_subexpressions", eliminate_common_subexpressions},
          {"tables", multiply_tables},
          {"common_subexpressions", eliminate_common_subexpressions},
          {"dead_code", eliminate_dead_code},
          {"layout", choose_layout},
          {"fuse_norms", fuse_norms},
          {"fuse", fuse_pointwise},
          {"dead_code", eliminate_dead_code}};
}

}  // namespace gradus
