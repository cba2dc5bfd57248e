// SPDX-License-Identifier: Apache-2.0
// Rewrites build a new graph from an old one: nodes are visited in order and either copied or
// replaced.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engine/graph/graph.h"

namespace gradus {

using GraphPtr = std::shared_ptr<const Graph>;

class Rewriter {
 public:
  explicit Rewriter(const Graph& from) : from_(&from), to_(std::make_shared<Graph>()) {}

  Graph& to() { return *to_; }
  // What an old value has become. Its node must have been copied or replaced.
  Value mapped(ValueRef old) const;
  bool has(ValueRef old) const { return map_.contains(old); }
  // Appends a copy of the old node, reading mapped inputs (cast back where their dtype changed).
  void copy(int node);
  // Appends the old node's op and attributes on other inputs; its shape rule gives the outputs.
  void reapply(int node, const std::vector<Value>& inputs);
  // Appends an op under the old node's path; nothing is mapped to it.
  std::vector<Value> emit(int like, const OpDef& op, const std::vector<Value>& inputs,
                          const AttrList& attrs);
  // From now on readers of `old` read `by`.
  void replace(ValueRef old, Value by) { map_[old] = by; }
  // Carries outputs and updates over, cast back where their dtype changed, and returns the new
  // graph.
  GraphPtr finish();

 private:
  Value result(ValueRef old) const;

  const Graph* from_;
  std::shared_ptr<Graph> to_;
  std::map<ValueRef, Value> map_;
};

}  // namespace gradus
