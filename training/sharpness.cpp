// SPDX-License-Identifier: Apache-2.0
#include "training/sharpness.h"

#include <map>

#include "engine/autodiff/gradients.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// `target` computed again, with other values in the place of those that `moved` knows.
Value again(Value target, std::map<ValueRef, Value> moved) {
  Graph& graph = target.graph();
  for (int i = 0; i <= target.node(); ++i) {
    const Node& node = graph.node(i);
    bool changes = false;
    for (const ValueRef& input : node.inputs) changes = changes || moved.contains(input);
    if (!changes) continue;
    Node copy = node;
    for (ValueRef& input : copy.inputs)
      if (const auto found = moved.find(input); found != moved.end())
        input = Graph::ref(found->second);
    const std::vector<Value> values = graph.append(std::move(copy));
    for (int k = 0; k < static_cast<int>(values.size()); ++k)
      moved[{i, k}] = values[static_cast<size_t>(k)];
  }
  const auto found = moved.find(Graph::ref(target));
  return found == moved.end() ? target : found->second;
}

}  // namespace

std::vector<Value> sharp_gradients(Value loss, std::span<const Value> weights,
                                   std::span<const Value> slopes, double rho) {
  std::vector<Value> some;
  for (const Value& slope : slopes)
    if (slope) some.push_back(slope);
  if (some.empty()) return {slopes.begin(), slopes.end()};
  const Value scale = rho / (cast(apply1("global_norm", some), DType::f64) + 1e-12);
  std::map<ValueRef, Value> moved;
  std::vector<Value> origins;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!slopes[i]) continue;
    const Value weight = weights[i] + cast(slopes[i], weights[i].dtype()) * scale;
    moved[Graph::ref(weights[i])] = weight;
    origins.push_back(weight);
  }
  const std::vector<Value> found = gradients(again(loss, std::move(moved)), origins);
  std::vector<Value> sharp(slopes.size());
  for (size_t i = 0, next = 0; i < slopes.size(); ++i)
    if (slopes[i]) sharp[i] = found[next++];
  return sharp;
}

}  // namespace gradus
