// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "engine/base/error.h"
#include "engine/plan/plan.h"

namespace gradus {
namespace {

class Scheduler {
 public:
  Scheduler(const Graph& graph, const std::vector<bool>& needed,
            const std::vector<std::vector<StateWrite>>& writes)
      : graph_(graph),
        needed_(needed),
        writes_(writes),
        waiting_(graph.nodes().size(), 0),
        followers_(graph.nodes().size()) {
    collect_readers();
    for (int i = 0; i < size(); ++i)
      if (is_step(i)) add_dependencies(i);
    for (int i = 0; i < size(); ++i)
      if (is_step(i) && waiting_[at(i)] == 0) ready_.insert(i);
  }

  std::vector<int> run() {
    std::vector<int> order;
    while (!ready_.empty()) {
      const int next = choose();
      ready_.erase(next);
      order.push_back(next);
      for (const ValueRef& input : distinct_inputs(next)) --readers_left_[input];
      for (int follower : followers_[at(next)])
        if (--waiting_[at(follower)] == 0) ready_.insert(follower);
    }
    int64_t steps = 0;
    for (int i = 0; i < size(); ++i) steps += is_step(i) ? 1 : 0;
    GRADUS_ASSERT(static_cast<int64_t>(order.size()) == steps,
                  "the graph has a cycle: {} of {} nodes run", order.size(), steps);
    return order;
  }

 private:
  static size_t at(int i) { return static_cast<size_t>(i); }
  int size() const { return static_cast<int>(graph_.nodes().size()); }
  bool is_step(int i) const { return needed_[at(i)] && graph_.node(i).kind == NodeKind::op; }

  std::set<ValueRef> distinct_inputs(int i) const {
    std::set<ValueRef> inputs;
    for (const ValueRef& input : graph_.node(i).inputs)
      if (input.present()) inputs.insert(input);
    return inputs;
  }

  void collect_readers() {
    for (int i = 0; i < size(); ++i) {
      if (!is_step(i)) continue;
      for (const ValueRef& input : distinct_inputs(i)) {
        readers_[input].push_back(i);
        ++readers_left_[input];
      }
    }
    for (const NamedValue& output : graph_.outputs()) ++readers_left_[output.value];
    for (const NamedValue& update : graph_.updates()) ++readers_left_[update.value];
  }

  void add_dependencies(int i) {
    std::set<int> before;
    for (const ValueRef& input : distinct_inputs(i))
      if (is_step(input.node)) before.insert(input.node);
    // Views of the state count too: they are op nodes that read it, and their readers read its
    // memory.
    for (const StateWrite& write : writes_[at(i)]) add_state_readers({write.state, 0}, i, before);
    for (int j : before) followers_[at(j)].push_back(i);
    waiting_[at(i)] = static_cast<int>(before.size());
  }

  void add_state_readers(ValueRef value, int updater, std::set<int>& before) const {
    const auto found = readers_.find(value);
    if (found == readers_.end()) return;
    for (int reader : found->second) {
      if (reader == updater) continue;
      before.insert(reader);
      if (graph_.node(reader).op->view) add_state_readers({reader, 0}, updater, before);
    }
  }

  // Bytes freed less bytes allocated if node i ran now.
  int64_t gain(int i) const {
    const Node& node = graph_.node(i);
    int64_t bytes = 0;
    for (const ValueRef& input : distinct_inputs(i))
      if (graph_.node(input.node).kind == NodeKind::op && readers_left_.at(input) == 1)
        bytes += graph_.spec(input).bytes();
    if (node.op->view) return 0;
    for (size_t k = 0; k < node.outputs.size(); ++k)
      if (!writes_state(i, static_cast<int>(k))) bytes -= node.outputs[k].bytes();
    return bytes;
  }

  bool writes_state(int i, int output) const {
    return std::ranges::any_of(writes_[at(i)],
                               [&](const StateWrite& write) { return write.output == output; });
  }

  int choose() const {
    for (int i : ready_)
      if (gain(i) >= 0) return i;
    return *ready_.begin();
  }

  const Graph& graph_;
  const std::vector<bool>& needed_;
  const std::vector<std::vector<StateWrite>>& writes_;
  std::vector<int> waiting_;
  std::vector<std::vector<int>> followers_;
  std::map<ValueRef, std::vector<int>> readers_;
  std::map<ValueRef, int> readers_left_;
  std::set<int> ready_;
};

}  // namespace

std::vector<int> schedule(const Graph& graph, const std::vector<bool>& needed,
                          const std::vector<std::vector<StateWrite>>& writes) {
  return Scheduler(graph, needed, writes).run();
}

}  // namespace gradus
