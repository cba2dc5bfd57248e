// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/plan.h"

#include <algorithm>
#include <set>

#include "engine/base/error.h"

namespace gradus {
namespace {

size_t at(int i) { return static_cast<size_t>(i); }

int64_t align_up(int64_t bytes) {
  return (bytes + plan_alignment - 1) / plan_alignment * plan_alignment;
}

// Nodes that some output or update needs; inputs of the graph always.
std::vector<bool> find_needed(const Graph& graph) {
  std::vector<bool> needed(graph.nodes().size(), false);
  for (const NamedValue& output : graph.outputs()) needed[at(output.value.node)] = true;
  for (const NamedValue& update : graph.updates()) needed[at(update.value.node)] = true;
  for (int i = static_cast<int>(needed.size()) - 1; i >= 0; --i) {
    if (!needed[at(i)]) continue;
    for (const ValueRef& input : graph.node(i).inputs)
      if (input.present()) needed[at(input.node)] = true;
  }
  for (int input : graph.inputs()) needed[at(input)] = true;
  return needed;
}

class Planner {
 public:
  Planner(const Graph& graph, std::span<const int64_t> workspace_bytes)
      : graph_(graph),
        workspace_bytes_(workspace_bytes),
        needed_(find_needed(graph)),
        writes_(graph.nodes().size()),
        followers_(graph.nodes().size()) {
    collect_followers();
  }

  Plan run() {
    find_state_writes();
    plan_.order = schedule(graph_, needed_, writes_);
    const int steps = static_cast<int>(plan_.order.size());
    find_last_reads(steps);
    for (int node = 0; node < static_cast<int>(graph_.nodes().size()); ++node)
      if (needed_[at(node)] && graph_.node(node).kind != NodeKind::op) place_source(node);
    for (int step = 0; step < steps; ++step) place_step(step);
    place_copies(steps);
    finish(steps);
    return std::move(plan_);
  }

 private:
  // The value whose memory `value` is: itself, or what it is a view of.
  ValueRef root(ValueRef value) const {
    while (graph_.node(value.node).kind == NodeKind::op && graph_.node(value.node).op->view)
      value = graph_.node(value.node).inputs[0];
    return value;
  }

  // Which input the output may overwrite by the op's declaration, or -1.
  int aliased_input(const Node& node, int output, ValueRef state) const {
    for (const auto* list : {&node.op->state, &node.op->aliases})
      for (const Alias& alias : *list)
        if (alias.output == output && at(alias.input) < node.inputs.size() &&
            node.inputs[at(alias.input)] == state)
          return alias.input;
    return -1;
  }

  // How often the node reads memory of `owner`.
  int64_t reads_of(const Node& node, ValueRef owner) const {
    return std::ranges::count_if(node.inputs, [&](const ValueRef& input) {
      return input.present() && root(input) == owner;
    });
  }

  // An update goes straight into its state when the op allows it and nothing that runs later can
  // want the old version.
  void find_state_writes() {
    for (const NamedValue& update : graph_.updates()) {
      const Node& node = graph_.node(update.value.node);
      if (node.kind != NodeKind::op || node.op->view || written_.contains(update.value)) continue;
      const int state = state_node(update.name);
      const ValueRef old_version{state, 0};
      const int64_t reads = reads_of(node, old_version);
      if (reads > 0 && aliased_input(node, update.value.output, old_version) < 0) continue;
      if (reads > 1 && node.op->pointwise == nullptr) continue;
      if (is_read_too_late(old_version, update.value.node)) continue;
      writes_[at(update.value.node)].push_back({update.value.output, state});
      written_[update.value] = state;
    }
  }

  // True if some reader of the old version cannot run before the updater, which would overwrite it.
  // Otherwise notes the edges reader -> updater, so that later decisions see them.
  bool is_read_too_late(ValueRef old_version, int updater) {
    for (const auto* list : {&graph_.outputs(), &graph_.updates()})
      for (const NamedValue& named : *list)
        if (root(named.value) == old_version) return true;
    const std::set<int> later = reached_from(updater);
    std::vector<int> readers;
    for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
      if (i == updater || !needed_[at(i)] || reads_of(graph_.node(i), old_version) == 0) continue;
      if (later.contains(i)) return true;
      readers.push_back(i);
    }
    for (int reader : readers) followers_[at(reader)].push_back(updater);
    return false;
  }

  // All nodes that must run after `start`.
  std::set<int> reached_from(int start) const {
    std::set<int> reached;
    std::vector<int> open{start};
    while (!open.empty()) {
      const int node = open.back();
      open.pop_back();
      for (int next : followers_[at(node)])
        if (reached.insert(next).second) open.push_back(next);
    }
    return reached;
  }

  void collect_followers() {
    for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i)
      for (const ValueRef& input : graph_.node(i).inputs)
        if (input.present() && needed_[at(i)]) followers_[at(input.node)].push_back(i);
  }

  int state_node(const std::string& name) const {
    for (int index : graph_.states())
      if (graph_.node(index).name == name) return index;
    GRADUS_ASSERT(false, "update of an unknown state '{}'", name);
  }

  void find_last_reads(int steps) {
    for (int step = 0; step < steps; ++step)
      for (const ValueRef& input : graph_.node(plan_.order[at(step)]).inputs)
        if (input.present()) last_read_[root(input)] = step;
    for (const NamedValue& output : graph_.outputs()) last_read_[root(output.value)] = steps;
    for (const NamedValue& update : graph_.updates())
      if (!written_.contains(update.value)) last_read_[root(update.value)] = steps;
  }

  int last_read(ValueRef value, int otherwise) const {
    const auto found = last_read_.find(value);
    return found == last_read_.end() ? otherwise : found->second;
  }

  void place_source(int node) {
    const ValueRef value{node, 0};
    switch (graph_.node(node).kind) {
      case NodeKind::state:
        plan_.placements[value] = {Storage::state, node, 0};
        break;
      case NodeKind::constant:
        plan_.placements[value] = {Storage::constant, node, 0};
        break;
      default:
        new_buffer(value, 0);
        break;  // an input is there before the first step
    }
  }

  void new_buffer(ValueRef value, int step) {
    buffer_of_[value] = plan_.buffers.size();
    plan_.buffers.push_back({value, align_up(graph_.spec(value).bytes()), 0, step,
                             std::max(step, last_read(value, step))});
  }

  void place_step(int step) {
    const int index = plan_.order[at(step)];
    const Node& node = graph_.node(index);
    if (const int64_t bytes = workspace_bytes_[at(index)]; bytes > 0) {
      workspace_of_[step] = plan_.buffers.size();
      plan_.buffers.push_back({{}, align_up(bytes), 0, step, step});
    }
    if (node.op->view) return;
    for (int output = 0; output < static_cast<int>(node.outputs.size()); ++output) {
      const ValueRef value{index, output};
      if (!node.outputs[at(output)].present) continue;
      if (const auto state = written_.find(value); state != written_.end()) {
        plan_.placements[value] = {Storage::state, state->second, 0};
      } else if (!reuse_input(node, value, step)) {
        new_buffer(value, step);
      }
    }
  }

  // Lets the output take over the memory of an input that dies here, if the op allows it.
  bool reuse_input(const Node& node, ValueRef value, int step) {
    for (const Alias& alias : node.op->aliases) {
      if (alias.output != value.output || at(alias.input) >= node.inputs.size()) continue;
      const ValueRef input = node.inputs[at(alias.input)];
      if (!input.present() || graph_.spec(input) != graph_.spec(value)) continue;
      const ValueRef owner = root(input);
      const auto found = buffer_of_.find(owner);
      if (found == buffer_of_.end() || taken_.contains(owner) || last_read(owner, step) != step)
        continue;
      if (reads_of(node, owner) > 1 && node.op->pointwise == nullptr) continue;
      taken_.insert(owner);
      buffer_of_[value] = found->second;
      PlannedBuffer& buffer = plan_.buffers[found->second];
      buffer.end = std::max(step, last_read(value, step));
      return true;
    }
    return false;
  }

  void place_copies(int steps) {
    for (const NamedValue& update : graph_.updates()) {
      const int state = state_node(update.name);
      if (const auto found = written_.find(update.value);
          found != written_.end() && found->second == state)
        continue;
      const ValueRef owner = root(update.value);
      if (owner == ValueRef{state, 0}) continue;  // the state keeps its value
      if (graph_.node(owner.node).kind == NodeKind::state || written_.contains(owner))
        stage(update.value, steps);
      plan_.copies.push_back({update.name, update.value});
    }
    for (const NamedValue& output : graph_.outputs())
      if (is_copied_over(root(output.value))) stage(output.value, steps);
  }

  bool is_copied_over(ValueRef owner) const {
    return graph_.node(owner.node).kind == NodeKind::state &&
           std::ranges::find(plan_.copies, graph_.node(owner.node).name, &StateCopy::state) !=
               plan_.copies.end();
  }

  void stage(ValueRef value, int steps) {
    if (!staging_of_.emplace(value, plan_.buffers.size()).second) return;
    plan_.buffers.push_back({value, align_up(graph_.spec(value).bytes()), 0, steps, steps});
  }

  void finish(int steps) {
    plan_.arena_bytes = assign_offsets(plan_.buffers);
    for (const auto& [value, buffer] : buffer_of_)
      plan_.placements[value] = {Storage::arena, -1, plan_.buffers[buffer].offset};
    for (int index : plan_.order) {  // views come after what they view
      if (!graph_.node(index).op->view) continue;
      plan_.placements[{index, 0}] = plan_.placements.at(graph_.node(index).inputs[0]);
    }
    plan_.workspace_offsets.assign(at(steps), 0);
    for (const auto& [step, buffer] : workspace_of_)
      plan_.workspace_offsets[at(step)] = plan_.buffers[buffer].offset;
    for (const auto& [value, buffer] : staging_of_)
      plan_.staged[value] = plan_.buffers[buffer].offset;
    std::vector<int64_t> alive(at(steps) + 2, 0);
    for (const PlannedBuffer& buffer : plan_.buffers) {
      plan_.total_bytes += buffer.bytes;
      alive[at(buffer.begin)] += buffer.bytes;
      alive[at(buffer.end) + 1] -= buffer.bytes;
    }
    int64_t now = 0;
    for (int64_t change : alive)
      plan_.lower_bound_bytes = std::max(plan_.lower_bound_bytes, now += change);
  }

  const Graph& graph_;
  std::span<const int64_t> workspace_bytes_;
  std::vector<bool> needed_;
  std::vector<std::vector<StateWrite>> writes_;
  std::vector<std::vector<int>>
      followers_;                    // by data, and from readers of an old version to its updater
  std::map<ValueRef, int> written_;  // values that live in the memory of a state node
  std::map<ValueRef, int> last_read_;
  std::map<ValueRef, size_t> buffer_of_;
  std::map<int, size_t> workspace_of_;  // by step
  std::map<ValueRef, size_t> staging_of_;
  std::set<ValueRef> taken_;  // values whose memory another value took over
  Plan plan_;
};

}  // namespace

Plan make_plan(const Graph& graph, std::span<const int64_t> workspace_bytes) {
  GRADUS_ASSERT(workspace_bytes.size() == graph.nodes().size(), "one workspace size per node");
  return Planner(graph, workspace_bytes).run();
}

}  // namespace gradus
