// SPDX-License-Identifier: Apache-2.0
// Pointwise fusion. A group grows from each pointwise node towards its producers; a merge is taken
// back if it would close a cycle between groups. Groups become `fused` nodes whose program is held
// in attributes (ops/fused.cpp reads them).
#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "engine/base/error.h"
#include "engine/op/core_ops.h"
#include "engine/op/registry.h"
#include "engine/passes/passes.h"

namespace gradus {
namespace {

// Limits of one program (kernels/elementwise.h).
constexpr size_t most_inputs = 16, most_instructions = 32, most_outputs = 8;

size_t at(int i) { return static_cast<size_t>(i); }

class Fuser {
 public:
  explicit Fuser(const Graph& graph)
      : graph_(graph), count_(static_cast<int>(graph.nodes().size())) {
    group_.resize(at(count_));
    std::iota(group_.begin(), group_.end(), 0);
    members_.resize(at(count_));
    codes_.resize(at(count_));
    readers_.resize(at(count_));
    for (int i = 0; i < count_; ++i) {
      members_[at(i)] = {i};
      codes_[at(i)] = code_of(i);
      for (const ValueRef& input : graph.node(i).inputs)
        if (input.present()) readers_[at(input.node)].push_back(i);
    }
    for (const auto* list : {&graph.outputs(), &graph.updates()})
      for (const NamedValue& named : *list) wanted_outside_.insert(named.value.node);
  }

  GraphPtr run() {
    for (int i = 0; i < count_; ++i) {
      if (!codes_[at(i)]) continue;
      for (const ValueRef& input : graph_.node(i).inputs)
        if (input.present()) try_merge(input.node, i);
    }
    return rebuild();
  }

 private:
  // A node that may join a group; integer chains are left out, since their intermediate results
  // wrap at their own width.
  std::optional<PointwiseCode> code_of(int index) const {
    const Node& node = graph_.node(index);
    if (node.kind != NodeKind::op || node.op->pointwise == nullptr || node.outputs.size() != 1)
      return {};
    const DType out = node.outputs[0].dtype;
    if (out != DType::f32 && out != DType::f64 && out != DType::f16 && out != DType::bf16 &&
        out != DType::bool_)
      return {};
    std::vector<TensorSpec> specs;
    for (const ValueRef& input : node.inputs) specs.push_back(graph_.spec(input));
    const std::optional<PointwiseCode> code =
        node.op->pointwise({node.op->name, specs, node.attrs});
    if (!code || (code->compute != DType::f32 && code->compute != DType::f64)) return {};
    return code;
  }

  void try_merge(int producer, int consumer) {
    const int a = group_[at(producer)], b = group_[at(consumer)];
    if (a == b || !codes_[at(producer)]) return;
    if (codes_[at(producer)]->compute != codes_[at(consumer)]->compute) return;
    if (graph_.node(producer).outputs[0].shape != graph_.node(consumer).outputs[0].shape) return;
    std::vector<int> joined;
    std::ranges::merge(members_[at(a)], members_[at(b)], std::back_inserter(joined));
    if (joined.size() > most_instructions / 2)
      return;  // half: reduced floats need a rounding instruction each
    if (inputs_of(joined).size() > most_inputs || outputs_of(joined).size() > most_outputs) return;
    if (closes_cycle(a, b)) return;
    for (int member : members_[at(b)]) group_[at(member)] = a;
    members_[at(a)] = std::move(joined);
    members_[at(b)].clear();
  }

  // Whether some path leaves groups a and b and comes back.
  bool closes_cycle(int a, int b) const {
    std::set<int> seen;
    std::vector<int> open;
    const auto leave = [&](int group) {
      for (int member : members_[at(group)])
        for (int reader : readers_[at(member)]) {
          const int next = group_[at(reader)];
          if (next != a && next != b && seen.insert(next).second) open.push_back(next);
        }
    };
    leave(a);
    leave(b);
    while (!open.empty()) {
      const int group = open.back();
      open.pop_back();
      for (int member : members_[at(group)])
        for (int reader : readers_[at(member)]) {
          const int next = group_[at(reader)];
          if (next == a || next == b) return true;
          if (seen.insert(next).second) open.push_back(next);
        }
    }
    return false;
  }

  std::vector<ValueRef> inputs_of(const std::vector<int>& members) const {
    std::vector<ValueRef> inputs;
    for (int member : members)
      for (const ValueRef& input : graph_.node(member).inputs)
        if (!std::ranges::binary_search(members, input.node) &&
            std::ranges::find(inputs, input) == inputs.end())
          inputs.push_back(input);
    return inputs;
  }

  std::vector<int> outputs_of(const std::vector<int>& members) const {
    std::vector<int> outputs;
    for (int member : members) {
      const bool read_outside = std::ranges::any_of(readers_[at(member)], [&](int reader) {
        return !std::ranges::binary_search(members, reader);
      });
      if (read_outside || wanted_outside_.contains(member)) outputs.push_back(member);
    }
    return outputs;
  }

  // Emits groups in an order in which each comes after what it reads; ties by first member.
  GraphPtr rebuild() {
    Rewriter rewriter(graph_);
    std::vector<int> waiting(at(count_), 0);
    std::vector<std::set<int>> followers(at(count_));
    for (int i = 0; i < count_; ++i)
      for (const ValueRef& input : graph_.node(i).inputs)
        if (input.present() && group_[at(input.node)] != group_[at(i)] &&
            followers[at(group_[at(input.node)])].insert(group_[at(i)]).second)
          ++waiting[at(group_[at(i)])];
    std::set<std::pair<int, int>> ready;  // (first member, group)
    for (int g = 0; g < count_; ++g)
      if (!members_[at(g)].empty() && waiting[at(g)] == 0)
        ready.insert({members_[at(g)].front(), g});
    while (!ready.empty()) {
      const int group = ready.begin()->second;
      ready.erase(ready.begin());
      emit(rewriter, members_[at(group)]);
      for (int follower : followers[at(group)])
        if (--waiting[at(follower)] == 0) ready.insert({members_[at(follower)].front(), follower});
    }
    return rewriter.finish();
  }

  void emit(Rewriter& rewriter, const std::vector<int>& members) const {
    if (members.size() == 1) {
      rewriter.copy(members[0]);
      return;
    }
    const std::vector<ValueRef> inputs = inputs_of(members);
    const std::vector<int> outputs = outputs_of(members);
    std::map<int, int64_t> value_of;  // member -> its value in the program
    AttrValue::Integers program, stored;
    AttrValue::Reals parameters;
    for (int member : members) {
      const Node& node = graph_.node(member);
      const PointwiseCode& code = *codes_[at(member)];
      program.insert(program.end(), {code.code, static_cast<int64_t>(node.outputs[0].dtype)});
      for (size_t k = 0; k < 3; ++k)
        program.push_back(k < node.inputs.size() ? source(node.inputs[k], inputs, value_of) : -1);
      parameters.insert(parameters.end(), {code.parameters[0], code.parameters[1]});
      value_of[member] = static_cast<int64_t>(inputs.size() + value_of.size());
    }
    for (int output : outputs) stored.push_back(value_of.at(output));
    Node fused;
    fused.op = &get_op(core_op::fused);
    fused.name = graph_.node(outputs.back()).name + "/fused";
    std::vector<TensorSpec> specs;
    for (const ValueRef& input : inputs) {
      fused.inputs.push_back(Graph::ref(rewriter.mapped(input)));
      specs.push_back(graph_.spec(input));
    }
    fused.attrs = Attrs(fused.op->name, fused.op->attributes,
                        {{"size", graph_.node(members[0]).outputs[0].shape},
                         {"compute", codes_[at(members[0])]->compute},
                         {"program", program},
                         {"parameters", parameters},
                         {"stored", stored}});
    fused.outputs = fused.op->infer({fused.op->name, specs, fused.attrs});
    const std::vector<Value> values = rewriter.to().append(std::move(fused));
    for (size_t k = 0; k < outputs.size(); ++k) rewriter.replace({outputs[k], 0}, values[k]);
  }

  static int64_t source(ValueRef input, const std::vector<ValueRef>& inputs,
                        const std::map<int, int64_t>& value_of) {
    if (const auto inside = value_of.find(input.node); inside != value_of.end())
      return inside->second;
    return std::ranges::find(inputs, input) - inputs.begin();
  }

  const Graph& graph_;
  int count_;
  std::vector<int> group_;                 // of each node
  std::vector<std::vector<int>> members_;  // of each group, ascending
  std::vector<std::optional<PointwiseCode>> codes_;
  std::vector<std::vector<int>> readers_;
  std::set<int> wanted_outside_;
};

}  // namespace

GraphPtr fuse_pointwise(const Graph& graph) { return Fuser(graph).run(); }

}  // namespace gradus
