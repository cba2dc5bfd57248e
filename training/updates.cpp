// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "training/name_pattern.h"
#include "training/optimizer.h"
#include "training/weight_rules.h"

namespace gradus {
namespace {

// What the update of one weight is made of.
struct Update {
  const Optimizer& optimizer;
  const Parameter& parameter;
  WeightRule rule;
  const UpdateRule& by;
  Value weight, gradient, lr, step, skip;
  Value indices = {};  // of the rows whose gradients these are; absent: the whole weight's
};

Value norm_of(Value x) { return apply1("global_norm", {x}); }

// numerator / denominator where both norms are above 0, else 1 (LARS, LAMB).
Value trust_ratio(Value weight_norm, Value step_norm, Value ratio) {
  const Value known = logical_and(weight_norm > 0.0, step_norm > 0.0);
  return where(known, ratio, zero(ratio) + 1.0);
}

// The rate of a weight under LARS: lr times coefficient |w| / (|g| + decay |w| + eps).
Value layer_rate(const Update& update) {
  const Value w = norm_of(update.weight), g = norm_of(update.gradient);
  const Value ratio = w * update.optimizer.trust_coefficient /
                      (g + w * update.rule.weight_decay + update.optimizer.trust_eps);
  return update.lr * cast(trust_ratio(w, g, ratio), update.lr.dtype());
}

// The op's inputs and states; the states are declared.
struct Bound {
  std::vector<Value> inputs, states;  // states: the weight first
};

Bound bind_inputs(const Update& update, Graph& graph, ParameterTable& parameters, Value weight) {
  Bound bound{{}, {weight}};
  const auto memory_named = [&](std::string_view name) {
    const UpdateRule::Memory* found = nullptr;
    for (const UpdateRule::Memory& memory : update.by.memory)
      if (memory.name == name && memory.shape(weight.shape())) found = &memory;
    return found;
  };
  for (const InputSpec& input : get_op(update.by.op).inputs) {
    Value value;
    if (input.name == "weight") value = weight;
    if (input.name == "grad") value = update.gradient;
    if (input.name == "lr") value = update.lr;
    if (input.name == "step") value = update.step;
    if (input.name == "skip") value = update.skip;
    if (input.name == "indices") value = update.indices;
    if (const UpdateRule::Memory* memory = memory_named(input.name)) {
      const std::string name = fmt::format("optimizer.{}.{}", memory->name, update.parameter.name);
      const TensorSpec& spec = update.parameter.spec;
      value = graph.state(name, spec.dtype, *memory->shape(spec.shape));
      parameters.add(
          {name, value.spec(), Initialiser::constant(memory->first), ParameterRole::optimizer});
      bound.states.push_back(value);
    }
    bound.inputs.push_back(value);
  }
  return bound;
}

// Applies the rule's op and gives its memory its next versions. Returns the weight's.
Value apply_rule(const Update& update, Graph& graph, ParameterTable& parameters, Value weight,
                 double weight_decay) {
  AttrList attrs = update.by.attributes;
  if (!update.indices) attrs.emplace_back("weight_decay", weight_decay);
  const Bound bound = bind_inputs(update, graph, parameters, weight);
  const std::vector<Value> next = apply(update.by.op, bound.inputs, attrs);
  size_t state = 0;
  for (size_t k = 1; k < next.size(); ++k)
    if (next[k] && next[k].spec().present) graph.update(bound.states[++state], next[k]);
  GRADUS_ASSERT(state + 1 == bound.states.size(), "{} updates {} of {} states", update.by.op, state,
                bound.states.size() - 1);
  return next[0];
}

// LAMB: adam_step from a weight of 0 at rate 1 gives minus its direction r; u = r + decay w, and
// the weight moves by lr |w| / |u| u.
Value lamb(Update update, Graph& graph, ParameterTable& parameters) {
  const Value lr = update.lr;
  update.lr = graph.scalar(1.0, lr.dtype());
  const Value origin = graph.full(update.weight.shape(), 0, update.weight.dtype());
  const Value direction = apply_rule(update, graph, parameters, origin, 0);
  const Value step = direction - update.weight * update.rule.weight_decay;
  Value rate = cast(lr, step.dtype());
  if (update.rule.decays) {
    const Value w = norm_of(update.weight), u = norm_of(step);
    rate = rate * cast(trust_ratio(w, u, w / u), step.dtype());
  }
  const Value moved = update.weight + step * rate;
  return update.skip ? where(update.skip, update.weight, moved) : moved;
}

// sign(w) max(|w| - lr l1, 0).
Value shrunk(const Update& update, Value weight, double l1) {
  const Value size = abs(weight) - cast(update.lr, weight.dtype()) * l1;
  const Value next = sign(weight) * maximum(size, zero(size));
  return update.skip ? where(update.skip, update.weight, next) : next;
}

// Every so many steps the slow weight goes a share of the way to `next`, and the weight there. They
// begin as one, at the first step, left out or not.
Value looked_ahead(const Update& update, Graph& graph, ParameterTable& parameters, Value next) {
  const Lookahead& what = update.optimizer.lookahead;
  if (what.every == 0) return next;
  const Parameter& of = update.parameter;
  const std::string name = fmt::format("optimizer.slow.{}", of.name);
  const Value state = graph.state(name, of.spec.dtype, of.spec.shape);
  parameters.add({name, of.spec, Initialiser::constant(0), ParameterRole::optimizer});
  const Value step = reshape(cast(update.step, DType::f64), {});
  const Value slow = where(step <= 1.0, update.weight, state);
  const auto every = static_cast<double>(what.every);
  Value meets = apply1("eq", {step - floor(step / every) * every, zero(step)});
  if (update.skip) meets = logical_and(meets, logical_not(reshape(update.skip, {})));
  const Value met = slow + (next - slow) * what.share;
  graph.update(state, where(meets, met, slow));
  return where(meets, met, next);
}

Value next_weight(const Update& update, Graph& graph, ParameterTable& parameters) {
  const Optimizer& optimizer = update.optimizer;
  Value next;
  if (optimizer.trust == Optimizer::Trust::lamb) {
    next = lamb(update, graph, parameters);
  } else {
    Update changed = update;
    if (optimizer.trust == Optimizer::Trust::lars && update.rule.decays)
      changed.lr = layer_rate(update);
    next = apply_rule(changed, graph, parameters, update.weight, update.rule.weight_decay);
  }
  const Regularisation& what = optimizer.regularisation;
  if (what.proximal && what.l1 != 0 && update.rule.decays) next = shrunk(update, next, what.l1);
  return looked_ahead(update, graph, parameters, next);
}

bool is_table(Value weight) {
  for (const Node& node : weight.graph().nodes())
    if (node.op && node.op->name == "embedding")
      for (const ValueRef& input : node.inputs)
        if (input.node == weight.node()) return true;
  return false;
}

// Adam by rows, with the rule's numbers and memory.
UpdateRule by_rows(const UpdateRule& rule) {
  UpdateRule rows{.op = "sparse_adam_step", .memory = rule.memory, .attributes = {}};
  for (const auto& [name, value] : rule.attributes)
    if (name == "beta1" || name == "beta2" || name == "eps" || name == "maximize")
      rows.attributes.emplace_back(name, value);
  return rows;
}

// The gradient of a table becomes those of the rows that were looked up, which nothing has added up
// yet.
void take_rows(Update& update) {
  Graph& graph = update.gradient.graph();
  const Node& node = graph.node(update.gradient.node());
  const bool of_rows =
      node.op && node.op->name == "embedding_backward" && !node.attrs.has("padding_idx");
  GRADUS_CHECK(of_rows && update.rule.weight_decay == 0,
               "[optimizer.sparse] takes the gradient of '{}' as one look-up leaves it: no "
               "accumulate, clip, clip_value, penalty, noise, weight decay, freeze.until, "
               "precision=f16, nor a table that another layer shares",
               update.parameter.name);
  const auto input = [&](size_t i) {
    return Value(graph, node.inputs[i].node, node.inputs[i].output);
  };
  update.indices = input(1);
  update.gradient = input(0);
}

// Whether Muon leaves the weight to the other rule.
bool is_of_rest(const Optimizer& optimizer, const Parameter& parameter, const WeightRule& rule,
                Value weight) {
  if (!optimizer.rest) return false;
  if (parameter.spec.shape.rank() < 2) return true;
  if (!optimizer.rest_match.empty()) return matches_any(optimizer.rest_match, parameter.name);
  return rule.last_layer || is_table(weight);
}

// A weight that trains from step `begin` on counts its steps from there, so that the corrections
// of adaptive rules for young averages fit.
void wait_until(Update& update, int64_t begin) {
  const auto number = static_cast<double>(begin);
  const Value waits = reshape(update.step < number, {});
  update.skip = update.skip ? logical_or(update.skip, waits) : waits;
  const Value own = update.step - (number - 1);
  update.step = maximum(own, zero(own) + 1.0);
}

}  // namespace

std::vector<Value> add_updates(const Optimizer& optimizer, Graph& graph, ParameterTable& parameters,
                               std::span<const Value> weights, std::span<const Value> gradients,
                               Value lr, Value step, Value skip) {
  const std::vector<Parameter> all = parameters_of(parameters, weights);
  const std::vector<WeightRule> rules = weight_rules(optimizer, all);
  std::vector<Value> versions(weights.size());
  const UpdateRule rows = by_rows(optimizer.rule);
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!gradients[i]) continue;  // the loss does not depend on it
    const bool of_rest = is_of_rest(optimizer, all[i], rules[i], weights[i]);
    const bool of_rows = optimizer.sparse && is_table(weights[i]);
    Update update{optimizer,  all[i],
                  rules[i],   of_rows ? rows : of_rest ? *optimizer.rest : optimizer.rule,
                  weights[i], gradients[i],
                  lr,         step,
                  skip};
    if (of_rows) take_rows(update);
    const double scale = rules[i].lr_scale * (of_rest ? optimizer.rest_lr_scale : 1);
    if (scale != 1) update.lr = lr * scale;
    if (rules[i].frozen) wait_until(update, optimizer.frozen_until);
    versions[i] = next_weight(update, graph, parameters);
    graph.update(weights[i], versions[i]);
  }
  return versions;
}

}  // namespace gradus
