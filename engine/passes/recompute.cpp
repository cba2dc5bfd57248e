// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "engine/base/error.h"
#include "engine/op/core_ops.h"
#include "engine/passes/passes.h"

namespace gradus {
namespace {

size_t at(int i) { return static_cast<size_t>(i); }

class Recomputer {
 public:
  Recomputer(const Graph& graph, const RecomputeOptions& options)
      : graph_(graph),
        options_(options),
        rewriter_(graph),
        segment_(graph.nodes().size(), -1),
        copies_(options.segments.size()) {
    GRADUS_CHECK(options.first_backward >= 0 && at(options.first_backward) <= graph.nodes().size(),
                 "recompute: there is no node {}", options.first_backward);
    for (int i = 0; i < options.first_backward; ++i)
      for (size_t s = 0; s < options.segments.size(); ++s)
        if (graph.node(i).kind == NodeKind::op &&
            graph.node(i).name.starts_with(options.segments[s]))
          segment_[at(i)] = static_cast<int>(s);
  }

  GraphPtr run() {
    for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
      if (i < options_.first_backward || graph_.node(i).kind != NodeKind::op) {
        rewriter_.copy(i);
        continue;
      }
      std::vector<Value> inputs;
      for (const ValueRef& input : graph_.node(i).inputs)
        inputs.push_back(is_in_segment(input) ? again(input, trigger(i)) : rewriter_.mapped(input));
      rewriter_.reapply(i, inputs);
    }
    return rewriter_.finish();
  }

 private:
  bool is_in_segment(ValueRef value) const {
    return value.present() && segment_[at(value.node)] >= 0;
  }

  // A value of the backward pass that the reader waits for anyway: computing again waits for it
  // too, so that the planner cannot move it into the forward pass. Null where the reader has none.
  Value trigger(int reader) const {
    for (const ValueRef& input : graph_.node(reader).inputs)
      if (input.present() && input.node >= options_.first_backward) return rewriter_.mapped(input);
    return {};
  }

  // The value computed a second time, with what it needs from its segment; what enters the segment
  // is read through a barrier, which keeps the copies apart from the originals.
  Value again(ValueRef value, Value after) {
    const int segment = segment_[at(value.node)];
    std::map<ValueRef, Value>& known = copies_[at(segment)];
    if (const auto found = known.find(value); found != known.end()) return found->second;
    Node copy = graph_.node(value.node);
    for (ValueRef& input : copy.inputs) {
      if (!input.present()) continue;
      const bool inside = segment_[at(input.node)] == segment;
      input = Graph::ref(inside ? again(input, after) : entering(input, known, after));
    }
    const std::vector<Value> values = rewriter_.to().append(std::move(copy));
    for (int k = 0; k < static_cast<int>(values.size()); ++k)
      known[{value.node, k}] = values[at(k)];
    return known.at(value);
  }

  Value entering(ValueRef value, std::map<ValueRef, Value>& known, Value after) {
    Value& through = known[value];
    if (!through)
      through = apply1(core_op::barrier, {rewriter_.mapped(value), after}, {{"id", ++barriers_}});
    return through;
  }

  const Graph& graph_;
  const RecomputeOptions& options_;
  Rewriter rewriter_;
  std::vector<int> segment_;  // of each node, or -1
  std::vector<std::map<ValueRef, Value>> copies_;
  int64_t barriers_ = 0;
};

}  // namespace

GraphPtr recompute(const Graph& graph, const RecomputeOptions& options) {
  return Recomputer(graph, options).run();
}

}  // namespace gradus
