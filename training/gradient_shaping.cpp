// SPDX-License-Identifier: Apache-2.0
#include "training/gradient_shaping.h"

#include <cmath>

#include <fmt/core.h>

#include "engine/op/registry.h"
#include "training/weight_rules.h"

namespace gradus {
namespace {

std::vector<Value> present(std::span<const Value> values) {
  std::vector<Value> some;
  for (const Value& value : values)
    if (value) some.push_back(value);
  return some;
}

void replace_present(std::vector<Value>& values, std::span<const Value> by) {
  size_t next = 0;
  for (Value& value : values)
    if (value) value = by[next++];
}

// l1 sign(w) + 2 l2 w; of a proximal l1 nothing, which comes behind the update.
Value with_penalty(const Regularisation& what, Value weight, Value gradient) {
  if (what.l2 != 0) gradient = gradient + weight * (2 * what.l2);
  if (what.l1 != 0 && !what.proximal) gradient = gradient + sign(weight) * what.l1;
  return gradient;
}

// Normal noise of variance noise / step^decay (Neelakantan et al. 2015).
Value with_noise(const Regularisation& what, std::string_view name, Value gradient, Value step) {
  Graph& graph = gradient.graph();
  const Graph::Scope scope(graph, fmt::format("noise.{}", name));
  const Value draws = graph.apply(get_op("randn"), {},
                                  {{"size", gradient.shape()}, {"dtype", gradient.dtype()}})[0];
  const Value number = reshape(cast(step, DType::f64), {});
  const Value exponent = graph.scalar(-what.noise_decay / 2, DType::f64);
  const Value deviation = pow(number, exponent) * std::sqrt(what.noise);
  return gradient + draws * cast(deviation, gradient.dtype());
}

std::string_view name_of(Value weight) { return weight.graph().node(weight.node()).name; }

}  // namespace

void drop_frozen(const Optimizer& optimizer, const ParameterTable& parameters,
                 std::span<const Value> weights, std::vector<Value>& gradients) {
  if (optimizer.frozen.empty() || optimizer.frozen_until > 0) return;
  const std::vector<WeightRule> rules = weight_rules(optimizer, parameters_of(parameters, weights));
  for (size_t i = 0; i < gradients.size(); ++i)
    if (rules[i].frozen) gradients[i] = Value();
}

std::vector<Value> shaped_gradients(const Optimizer& optimizer, double clip,
                                    const ParameterTable& parameters,
                                    std::span<const Value> weights, std::vector<Value> gradients,
                                    Value step, bool norm_wanted, Value& norm) {
  const Regularisation& what = optimizer.regularisation;
  const std::vector<WeightRule> rules = weight_rules(optimizer, parameters_of(parameters, weights));
  for (size_t i = 0; i < gradients.size(); ++i) {
    Value& gradient = gradients[i];
    if (!gradient) continue;
    if (rules[i].decays) gradient = with_penalty(what, weights[i], gradient);
    if (rules[i].frozen) {
      const Value waits = reshape(step < static_cast<double>(optimizer.frozen_until), {});
      gradient = where(waits, zero(gradient), gradient);
    }
  }
  std::vector<Value> some = present(gradients);
  if (what.clip_value > 0) some = apply("clip_grad_value", some, {{"clip_value", what.clip_value}});
  if (clip > 0) {
    some = apply("clip_grad_norm", some, {{"max_norm", clip}});
    norm = some[0];
    some.erase(some.begin());
  } else if (norm_wanted) {
    norm = apply1("global_norm", some);
  }
  replace_present(gradients, some);
  if (what.noise > 0)
    for (size_t i = 0; i < gradients.size(); ++i)
      if (gradients[i]) gradients[i] = with_noise(what, name_of(weights[i]), gradients[i], step);
  return gradients;
}

}  // namespace gradus
