// SPDX-License-Identifier: Apache-2.0
#include "tools/model_table.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/device/device.h"
#include "engine/op/op.h"

namespace gradus {

std::string layer_path(const std::string& path, int64_t depth) {
  const size_t dot = path.rfind('.');
  std::string layer = dot == std::string::npos ? "" : path.substr(0, dot);
  for (size_t at = 0; depth > 0 && (at = layer.find('.', at)) != std::string::npos; ++at)
    if (--depth == 0) return layer.substr(0, at);
  return layer;
}

namespace {

double flops_of(const Graph& graph, const Node& node) {
  if (node.op->cost == nullptr) return 0;
  std::vector<TensorSpec> in;
  for (const ValueRef& input : node.inputs)
    in.push_back(input.present() ? graph.spec(input) : TensorSpec::absent());
  return node.op->cost({in, node.outputs, node.attrs, cpu_device().info()}).flops;
}

class Layers {
 public:
  explicit Layers(int64_t depth) : depth_(depth) {}

  // What stands outside of layers gets a row wherever it runs.
  LayerRow& row(const std::string& path) {
    const std::string layer = layer_path(path, depth_);
    if (layer.empty() && (rows_.empty() || last_ != layer)) known_.erase(layer);
    last_ = layer;
    const auto [found, is_new] = known_.emplace(layer, rows_.size());
    if (is_new) rows_.push_back({.layer = layer, .ops = {}, .output = {}});
    return rows_[found->second];
  }
  std::vector<LayerRow> take() { return std::move(rows_); }

 private:
  int64_t depth_;
  std::string last_;
  std::map<std::string, size_t> known_;
  std::vector<LayerRow> rows_;
};

// Outputs of ops that an op of another layer reads.
std::set<ValueRef> handed_on(const Graph& graph, int64_t depth) {
  std::set<ValueRef> values;
  for (const Node& node : graph.nodes())
    for (const ValueRef& input : node.inputs)
      if (input.present() &&
          layer_path(graph.node(input.node).name, depth) != layer_path(node.name, depth))
        values.insert(input);
  return values;
}

}  // namespace

std::vector<LayerRow> model_layers(const Graph& graph, const ParameterTable& parameters,
                                   int64_t depth) {
  Layers layers(depth);
  const std::set<ValueRef> read_elsewhere = handed_on(graph, depth);
  std::set<std::string> settled;  // layers whose output is known to be read elsewhere
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind == NodeKind::state) {
      const Parameter* parameter = parameters.find(node.name);
      if (parameter == nullptr) continue;
      LayerRow& row = layers.row(node.name);
      const int64_t count = parameter->spec.numel();
      (parameter->role == ParameterRole::weight ? row.parameters : row.buffers) += count;
    } else if (node.kind == NodeKind::op) {
      LayerRow& row = layers.row(node.name);
      const std::string op(node.op->name);
      if (std::ranges::count(row.ops, op) == 0) row.ops.push_back(op);
      const bool is_read = read_elsewhere.contains({i, 0});
      if (is_read || !settled.contains(row.layer)) row.output = node.outputs[0].shape;
      if (is_read && !row.layer.empty()) settled.insert(row.layer);
      row.flops += flops_of(graph, node);
    }
  }
  return layers.take();
}

}  // namespace gradus
