// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/error.h"
#include "engine/op/core_ops.h"
#include "engine/passes/passes.h"

namespace gradus {
namespace {

bool is_compute_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

Value cast_to(Value value, DType dtype) {
  return value.dtype() == dtype ? value : apply1(core_op::cast, {value}, {{"dtype", dtype}});
}

// The dtype in which the op sees its floating inputs.
DType working_type(const OpDef& op, const std::vector<Value>& inputs, DType low) {
  if (op.autocast == AutocastClass::low_precision) return low;
  if (op.autocast == AutocastClass::full_precision || !op.state.empty()) return DType::f32;
  const bool all_low = std::ranges::all_of(inputs, [&](const Value& v) {
    return !v || !is_compute_float(v.dtype()) || v.dtype() == low;
  });
  return all_low ? low : DType::f32;
}

}  // namespace

GraphPtr autocast(const Graph& graph, DType low) {
  GRADUS_CHECK(low == DType::f16 || low == DType::bf16, "autocast to f16 or bf16, not {}",
               dtype_name(low));
  Rewriter rewriter(graph);
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    // A cast is what someone asked for, and a constructor (full, ...) makes what its attribute
    // says.
    if (node.kind != NodeKind::op || node.inputs.empty()) {
      rewriter.copy(i);
      continue;
    }
    std::vector<Value> inputs;
    for (const ValueRef& input : node.inputs) inputs.push_back(rewriter.mapped(input));
    if (node.op->name == core_op::cast || node.op->view) {
      rewriter.reapply(i, inputs);
      continue;
    }
    const DType dtype = working_type(*node.op, inputs, low);
    for (Value& input : inputs)
      if (input && is_compute_float(input.dtype())) input = cast_to(input, dtype);
    rewriter.reapply(i, inputs);
  }
  return rewriter.finish();
}

}  // namespace gradus
