// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/value.h"
#include "engine/tensor/tensor.h"

namespace gradus {

// branch, loop and scan hold graphs (graph/control_flow.h) and run stepwise only.
enum class NodeKind { input, state, constant, op, branch, loop, scan };

// One output of one node by position; node < 0: absent.
struct ValueRef {
  int node = -1;
  int output = -1;
  bool present() const { return node >= 0; }
  friend auto operator<=>(const ValueRef&, const ValueRef&) = default;
};

struct Node {
  NodeKind kind = NodeKind::op;
  std::string name;  // of an input or state; for an op its path, e.g. "layer1.conv/conv2d"
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<ValueRef>
      inputs;  // one per InputSpec (variadic ones appended); absent ones are not present()
  std::vector<TensorSpec> outputs;
  Tensor constant;                                // kind constant, on the CPU
  std::vector<std::shared_ptr<Graph>> subgraphs;  // bodies of branch, loop and scan
  int64_t carried = 0;                            // of loop and scan: how many values go round
};

struct NamedValue {
  std::string name;
  ValueRef value;
};

// A directed graph of ops over inputs, state and constants. A node only refers to earlier nodes, so
// there are no cycles and node order is an execution order. Rewrites build a new graph
// (passes/rewrite.h); nodes are never changed in place.
class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // A tensor that the caller supplies before each run. Names are unique among inputs.
  Value input(std::string_view name, DType dtype, const Shape& shape);
  // A tensor that outlives runs (parameter, moment, running statistic, cache). Reading gives the
  // version at the start of the run. Asking again for a known name with the same spec gives the
  // same value.
  Value state(std::string_view name, DType dtype, const Shape& shape);
  Value constant(const Tensor& tensor);
  // A tensor of one value, made in place (rank 0 by default).
  Value scalar(double value, DType dtype) { return full({}, value, dtype); }
  Value full(const Shape& shape, double value, DType dtype);

  // `next` becomes the state's version after the run. At most one update per state.
  void update(Value state, Value next);
  void update(std::string_view state, Value next);
  // A named result. Names are unique among outputs.
  void output(std::string_view name, Value value);

  std::vector<Value> apply(const OpDef& op, const std::vector<Value>& inputs,
                           const AttrList& attrs = {});
  // A node whose attributes were checked before (rewrites); `name` is its path.
  std::vector<Value> append(Node node);

  // Prefix of the paths of nodes and states made while it lives: "layer1." + ...
  class Scope {
   public:
    Scope(Graph& graph, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Graph& graph_;
    size_t length_;
  };
  const std::string& scope() const { return scope_; }

  const std::deque<Node>& nodes() const { return nodes_; }
  const Node& node(int index) const { return nodes_[static_cast<size_t>(index)]; }
  const TensorSpec& spec(ValueRef ref) const;
  Value value(ValueRef ref) { return ref.present() ? Value(*this, ref.node, ref.output) : Value(); }
  static ValueRef ref(Value value) {
    return value ? ValueRef{value.node(), value.output()} : ValueRef{};
  }

  const std::vector<int>& inputs() const { return inputs_; }  // node indices
  const std::vector<int>& states() const { return states_; }  // node indices
  const std::vector<NamedValue>& outputs() const { return outputs_; }
  const std::vector<NamedValue>& updates() const {
    return updates_;
  }  // name of the state, its next version

 private:
  int push(Node node);

  std::deque<Node> nodes_;
  std::vector<int> inputs_, states_;
  std::vector<NamedValue> outputs_, updates_;
  std::string scope_;
  int64_t random_nodes_ = 0;
};

// Every rule a legal graph keeps: references point back, specs agree with `infer`, names are
// unique, updates fit their state. Throws Error(internal) naming the node. Run after every pass in
// debug builds.
void check_spec(const Graph& graph);

// One line per node in execution order: index, op, inputs, attributes off their default, outputs.
std::string to_text(const Graph& graph);
// Graphviz.
std::string to_dot(const Graph& graph);

}  // namespace gradus
