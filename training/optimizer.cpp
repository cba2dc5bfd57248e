// SPDX-License-Identifier: Apache-2.0
#include "training/optimizer.h"

#include <fmt/core.h>

#include "engine/base/error.h"

namespace gradus {

Optimizer make_optimizer(std::string_view name, double weight_decay) {
  Optimizer rule;
  rule.weight_decay = weight_decay;
  if (name == "sgd" || name == "momentum" || name == "nesterov") {
    rule.op = "sgd_step";
    if (name == "sgd") return rule;
    rule.memory = {"momentum_buffer"};
    rule.attributes = {{"momentum", 0.9}};
    rule.nesterov = name == "nesterov";
  } else if (name == "adagrad") {
    rule = {"adagrad_step", {"state_sum"}, {{"eps", 1e-10}}, false, weight_decay};
  } else if (name == "rmsprop") {
    rule = {"rmsprop_step", {"square_avg"}, {{"alpha", 0.99}, {"eps", 1e-8}}, false, weight_decay};
  } else {
    GRADUS_CHECK(name == "adam" || name == "adamw", "unknown optimizer '{}'", name);
    rule = {fmt::format("{}_step", name),
            {"exp_avg", "exp_avg_sq"},
            {{"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}},
            false,
            weight_decay};
  }
  return rule;
}

Optimizer make_optimizer(const Recipe& recipe) {
  Optimizer rule =
      make_optimizer(recipe.text("optimizer.name"), recipe.real("optimizer.weight_decay"));
  for (auto& [name, value] : rule.attributes) value = recipe.real("optimizer." + name);
  return rule;
}

void add_updates(const Optimizer& optimizer, Graph& graph, ParameterTable& parameters,
                 std::span<const Value> weights, std::span<const Value> gradients, Value lr,
                 Value step) {
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!gradients[i]) continue;  // the loss does not depend on it
    const Parameter weight = *parameters.find(graph.node(weights[i].node()).name);
    AttrList attrs = {{"weight_decay", weight.decay ? optimizer.weight_decay : 0.0}};
    for (const auto& [name, value] : optimizer.attributes) attrs.emplace_back(name, value);
    if (optimizer.nesterov) attrs.emplace_back("nesterov", true);
    std::vector<Value> inputs = {weights[i], gradients[i]}, states = {weights[i]};
    for (const std::string_view memory : optimizer.memory) {
      const std::string name = fmt::format("optimizer.{}.{}", memory, weight.name);
      states.push_back(graph.state(name, weight.spec.dtype, weight.spec.shape));
      parameters.add({name, weight.spec, Initialiser::constant(0), ParameterRole::optimizer});
      inputs.push_back(states.back());
    }
    if (optimizer.op == "sgd_step" && optimizer.memory.empty()) inputs.push_back({});
    inputs.push_back(lr);
    inputs.push_back(step);
    const std::vector<Value> next = apply(optimizer.op, inputs, attrs);
    for (size_t k = 0; k < states.size(); ++k) graph.update(states[k], next[k]);
  }
}

}  // namespace gradus
