// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/rewrite.h"

#include "engine/base/error.h"

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
  for (ValueRef& input : node.inputs) input = Graph::ref(mapped(input));
  const std::vector<Value> values = to_->append(std::move(node));
  for (int k = 0; k < static_cast<int>(values.size()); ++k)
    map_[{index, k}] = values[static_cast<size_t>(k)];
}

GraphPtr Rewriter::finish() {
  for (const NamedValue& output : from_->outputs()) to_->output(output.name, mapped(output.value));
  for (const NamedValue& update : from_->updates()) to_->update(update.name, mapped(update.value));
  return to_;
}

}  // namespace gradus
