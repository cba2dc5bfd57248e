// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/rewrite.h"

#include "engine/base/error.h"
#include "engine/op/core_ops.h"

namespace gradus {

Value Rewriter::mapped(ValueRef old) const {
  if (!old.present()) return {};
  const auto found = map_.find(old);
  GRADUS_ASSERT(found != map_.end(), "a pass reads node {} ({}) before it made it", old.node,
                from_->node(old.node).name);
  return found->second;
}

void Rewriter::copy(int index) {
  Node node = from_->node(index);
  for (ValueRef& input : node.inputs)
    if (input.present()) input = Graph::ref(result(input));
  const std::vector<Value> values = to_->append(std::move(node));
  for (int k = 0; k < static_cast<int>(values.size()); ++k)
    map_[{index, k}] = values[static_cast<size_t>(k)];
}

void Rewriter::reapply(int index, const std::vector<Value>& inputs) {
  Node node = from_->node(index);
  std::vector<TensorSpec> specs;
  for (size_t k = 0; k < inputs.size(); ++k) {
    node.inputs[k] = Graph::ref(inputs[k]);
    specs.push_back(inputs[k] ? inputs[k].spec() : TensorSpec::absent());
  }
  node.outputs = node.op->infer({node.op->name, specs, node.attrs});
  const std::vector<Value> values = to_->append(std::move(node));
  for (int k = 0; k < static_cast<int>(values.size()); ++k)
    map_[{index, k}] = values[static_cast<size_t>(k)];
}

std::vector<Value> Rewriter::emit(int like, const OpDef& op, const std::vector<Value>& inputs,
                                  const AttrList& attrs) {
  Node node;
  node.op = &op;
  node.name = from_->node(like).name;
  std::vector<TensorSpec> specs;
  for (const Value& input : inputs) {
    node.inputs.push_back(Graph::ref(input));
    specs.push_back(input ? input.spec() : TensorSpec::absent());
  }
  node.attrs = Attrs(op.name, op.attributes, attrs);
  node.outputs = op.infer({op.name, specs, node.attrs});
  return to_->append(std::move(node));
}

Value Rewriter::result(ValueRef old) const {
  const Value value = mapped(old);
  const DType dtype = from_->spec(old).dtype;
  return value.dtype() == dtype ? value : apply1(core_op::cast, {value}, {{"dtype", dtype}});
}

GraphPtr Rewriter::finish() {
  for (const NamedValue& output : from_->outputs()) to_->output(output.name, result(output.value));
  for (const NamedValue& update : from_->updates()) to_->update(update.name, result(update.value));
  return to_;
}

}  // namespace gradus
