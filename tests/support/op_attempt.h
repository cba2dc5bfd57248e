// SPDX-License-Identifier: Apache-2.0
// An op on given inputs with attributes that nobody vouches for.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tools/op_case.h"

namespace gradus {

// Elements of all values of a graph that is run.
inline constexpr int64_t most_attempted_elements = 1 << 14;

inline bool is_little_work(const Graph& graph) {
  int64_t left = most_attempted_elements;
  for (const Node& node : graph.nodes())
    for (const TensorSpec& spec : node.outputs)
      if (spec.present && (left -= std::min(spec.numel(), most_attempted_elements + 1)) < 0)
        return false;
  return true;
}

// Applies the op, differentiates it where it can be, and runs both where that is little work.
inline void attempt(const OpCase& op_case) {
  const OpGraph plain(op_case);
  if (!is_little_work(plain.graph())) return;  // a gradient may hold constants of the output's size
  const bool gradient = op_case.op->no_grad.empty() && !plain.floating_outputs().empty() &&
                        !plain.differentiable().empty();
  const OpGraph graph(op_case, gradient ? 1 : 0);
  if (!is_little_work(graph.graph())) return;
  TensorMap inputs = named_inputs(op_case);
  for (int node : graph.graph().inputs()) {
    const Node& input = graph.graph().node(node);
    if (!inputs.contains(input.name))
      inputs[input.name] =
          random_tensor(input.outputs[0].dtype, input.outputs[0].shape, input.name);
  }
  (void)graph.run(inputs);
}

}  // namespace gradus
