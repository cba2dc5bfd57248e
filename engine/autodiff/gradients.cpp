// SPDX-License-Identifier: Apache-2.0
#include "engine/autodiff/gradients.h"

#include <algorithm>
#include <map>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "engine/graph/graph.h"
#include "engine/op/core_ops.h"

namespace gradus {
namespace {

class ReverseWalk {
 public:
  ReverseWalk(Graph& graph, std::span<const Value> wrt)
      : graph_(graph), reaches_(graph.nodes().size(), false) {
    for (const Value& value : wrt) wrt_.push_back(Graph::ref(value));
    mark_dependents();
  }

  void seed(Value target, Value seed) {
    GRADUS_CHECK(is_floating(target.dtype()), "a gradient needs a floating target, got {}",
                 to_string(target.spec()));
    if (!seed) seed = graph_.full(target.shape(), 1.0, target.dtype());
    GRADUS_CHECK(seed.spec() == target.spec(), "the seed of a gradient must be {}, got {}",
                 to_string(target.spec()), to_string(seed.spec()));
    accumulate(Graph::ref(target), seed);
  }

  void run() {
    // New nodes are appended while walking; only those there at the start take part.
    for (int index = static_cast<int>(reaches_.size()) - 1; index >= 0; --index) visit(index);
  }

  Value gradient(Value value) const {
    const auto found = gradients_.find(Graph::ref(value));
    return found == gradients_.end() ? Value() : found->second;
  }

 private:
  bool is_wrt(ValueRef ref) const { return std::ranges::find(wrt_, ref) != wrt_.end(); }

  // A gradient flows through a value if it depends on one of wrt and is floating.
  bool carries(ValueRef ref) const {
    if (!ref.present() || static_cast<size_t>(ref.node) >= reaches_.size()) return false;
    return (reaches_[static_cast<size_t>(ref.node)] || is_wrt(ref)) &&
           is_floating(graph_.spec(ref).dtype);
  }

  static bool is_differentiable(const Node& node, size_t input) {
    if (node.op == nullptr) return true;  // control flow: visit() refuses it
    return node.op->inputs[std::min(input, node.op->inputs.size() - 1)].differentiable;
  }

  // reaches_[i]: some differentiable input of node i depends on a value of wrt.
  void mark_dependents() {
    for (size_t i = 0; i < reaches_.size(); ++i) {
      const Node& node = graph_.node(static_cast<int>(i));
      for (size_t k = 0; k < node.inputs.size(); ++k)
        if (is_differentiable(node, k) && carries(node.inputs[k])) reaches_[i] = true;
    }
  }

  void accumulate(ValueRef ref, Value gradient) {
    const TensorSpec& spec = graph_.spec(ref);
    GRADUS_ASSERT(gradient.spec() == spec, "the gradient of node {} ({}) must be {}, got {}",
                  ref.node, graph_.node(ref.node).name, to_string(spec),
                  to_string(gradient.spec()));
    Value& sum = gradients_[ref];
    sum = sum ? apply1(core_op::add, {sum, gradient}) : gradient;
  }

  void visit(int index) {
    if (!reaches_[static_cast<size_t>(index)]) return;
    const Node& node = graph_.node(index);
    std::vector<Value> dout(node.outputs.size());
    bool any = false;
    for (size_t k = 0; k < dout.size(); ++k) {
      const auto found = gradients_.find({index, static_cast<int>(k)});
      if (found != gradients_.end()) dout[k] = found->second;
      any |= found != gradients_.end();
    }
    if (!any) return;
    if (node.op == nullptr)
      failf(ErrorKind::unsupported, node.name,
            "control flow has no gradient: unroll it where the graph is built");
    if (node.op->grad == nullptr)
      failf(ErrorKind::invalid_argument, node.op->name, "has no gradient ({}); asked for at '{}'",
            node.op->no_grad.empty() ? "not differentiable" : node.op->no_grad, node.name);
    GradArgs args{{}, {}, std::move(dout), node.attrs, {}};
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      args.in.push_back(graph_.value(node.inputs[k]));
      args.needs.push_back(is_differentiable(node, k) && carries(node.inputs[k]));
    }
    for (size_t k = 0; k < node.outputs.size(); ++k)
      args.out.emplace_back(graph_, index, static_cast<int>(k));
    const Graph::Scope scope(graph_, "grad");
    const std::vector<Value> din = node.op->grad(args);
    GRADUS_ASSERT(din.size() == node.inputs.size(), "[{}] grad gave {} gradients for {} inputs",
                  node.op->name, din.size(), node.inputs.size());
    for (size_t k = 0; k < din.size(); ++k)
      if (din[k] && args.needs[k]) accumulate(node.inputs[k], din[k]);
  }

  Graph& graph_;
  std::vector<ValueRef> wrt_;
  std::vector<bool> reaches_;
  std::map<ValueRef, Value> gradients_;
};

}  // namespace

std::vector<Value> gradients(std::span<const Value> targets, std::span<const Value> seeds,
                             std::span<const Value> wrt) {
  GRADUS_ASSERT(!targets.empty() && targets.size() == seeds.size(),
                "one seed (or null) per target");
  ReverseWalk walk(targets[0].graph(), wrt);
  for (size_t i = 0; i < targets.size(); ++i) walk.seed(targets[i], seeds[i]);
  walk.run();
  std::vector<Value> result;
  for (const Value& value : wrt) result.push_back(walk.gradient(value));
  return result;
}

std::vector<Value> gradients(Value target, std::span<const Value> wrt, Value seed) {
  return gradients(std::span(&target, 1), std::span(&seed, 1), wrt);
}

std::vector<Value> hessian_vector_product(Value target, std::span<const Value> wrt,
                                          std::span<const Value> vectors) {
  GRADUS_CHECK(wrt.size() == vectors.size(), "expected one vector per value, got {} and {}",
               vectors.size(), wrt.size());
  const std::vector<Value> first = gradients(target, wrt);
  std::vector<Value> targets, seeds;
  for (size_t i = 0; i < first.size(); ++i) {
    if (!first[i]) continue;
    targets.push_back(first[i]);
    seeds.push_back(vectors[i]);
  }
  if (targets.empty()) return std::vector<Value>(wrt.size());
  return gradients(targets, seeds, wrt);
}

}  // namespace gradus
