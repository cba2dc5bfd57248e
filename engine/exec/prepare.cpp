// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/prepare.h"

namespace gradus {

Evaluator host_evaluator() {
  return [](const Node& node, std::span<const Tensor> inputs) {
    return run_op(*node.op, node.attrs, inputs);
  };
}

GraphPtr prepare(GraphPtr graph) {
  return run_passes(std::move(graph), standard_passes(host_evaluator()));
}

}  // namespace gradus
