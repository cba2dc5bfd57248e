// SPDX-License-Identifier: Apache-2.0
#include "training/weight_rules.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "engine/base/error.h"
#include "training/name_pattern.h"

namespace gradus {
namespace {

bool is_number(std::string_view part) {
  return !part.empty() &&
         std::ranges::all_of(part, [](unsigned char c) { return std::isdigit(c); });
}

std::string_view layer_of(std::string_view name) {
  size_t begin = 0;
  while (begin < name.size()) {
    const size_t dot = std::min(name.find('.', begin), name.size());
    if (is_number(name.substr(begin, dot - begin))) return name.substr(0, dot);
    begin = dot + 1;
  }
  return name.substr(0, name.find('.'));
}

// For each weight the number of its layer, in declared order, from 0.
std::vector<int64_t> layers_of(std::span<const Parameter> weights) {
  std::vector<std::string_view> layers;
  std::vector<int64_t> numbers;
  for (const Parameter& weight : weights) {
    const std::string_view layer = layer_of(weight.name);
    const auto found = std::ranges::find(layers, layer);
    numbers.push_back(found - layers.begin());
    if (found == layers.end()) layers.push_back(layer);
  }
  return numbers;
}

void check_patterns(std::span<const std::string> patterns, std::span<const Parameter> weights,
                    std::string_view key) {
  std::vector<std::string_view> names;
  for (const Parameter& weight : weights) names.push_back(weight.name);
  for (const std::string& pattern : patterns) {
    if (std::ranges::any_of(names, [&](auto name) { return matches(pattern, name); })) continue;
    const std::string_view near = nearest_name(pattern, names);
    GRADUS_CHECK(false, "[{}] no weight of the model fits '{}'{}", key, pattern,
                 near.empty() ? fmt::format("; its first is '{}'",
                                            names.empty() ? std::string_view() : names[0])
                              : fmt::format(", did you mean '{}'?", near));
  }
}

void apply_groups(const Optimizer& optimizer, const Parameter& weight, WeightRule& rule) {
  const WeightGroup* chosen = nullptr;
  for (const WeightGroup& group : optimizer.groups) {
    if (!matches_any(group.match, weight.name)) continue;
    GRADUS_CHECK(!chosen, "[optimizer.groups] the weight '{}' is in two groups, '{}' and '{}'",
                 weight.name, chosen->name, group.name);
    chosen = &group;
  }
  if (!chosen) return;
  rule.lr_scale *= chosen->lr_scale;
  if (chosen->weight_decay) rule.weight_decay = *chosen->weight_decay;
}

}  // namespace

std::vector<std::string> block_prefixes(const ParameterTable& parameters) {
  std::vector<std::string> prefixes;
  for (const Parameter& parameter : parameters.all()) {
    if (parameter.role != ParameterRole::weight) continue;
    const std::string_view layer = layer_of(parameter.name);
    if (layer.find('.') == layer.npos) continue;
    const std::string prefix = std::string(layer) + '.';
    if (std::ranges::find(prefixes, prefix) == prefixes.end()) prefixes.push_back(prefix);
  }
  return prefixes;
}

std::vector<Parameter> parameters_of(const ParameterTable& parameters,
                                     std::span<const Value> states) {
  std::vector<Parameter> list;
  for (const Value& state : states)
    list.push_back(*parameters.find(state.graph().node(state.node()).name));
  return list;
}

std::vector<WeightRule> weight_rules(const Optimizer& optimizer,
                                     std::span<const Parameter> weights) {
  for (const WeightGroup& group : optimizer.groups)
    check_patterns(group.match, weights, fmt::format("optimizer.groups.{}.match", group.name));
  check_patterns(optimizer.frozen, weights, "freeze.match");
  check_patterns(optimizer.rest_match, weights, "optimizer.rest");
  const std::vector<int64_t> layers = layers_of(weights);
  const int64_t last = layers.empty() ? 0 : std::ranges::max(layers);
  std::vector<WeightRule> rules;
  for (size_t i = 0; i < weights.size(); ++i) {
    WeightRule rule;
    rule.decays = weights[i].decay || optimizer.decay_all;
    rule.weight_decay = rule.decays ? optimizer.weight_decay : 0;
    rule.frozen = matches_any(optimizer.frozen, weights[i].name);
    rule.last_layer = layers[i] == last;
    rule.lr_scale = std::pow(optimizer.layer_decay, static_cast<double>(last - layers[i]));
    apply_groups(optimizer, weights[i], rule);
    rules.push_back(rule);
  }
  GRADUS_CHECK(optimizer.frozen_until > 0 || optimizer.frozen.empty() ||
                   !std::ranges::all_of(rules, &WeightRule::frozen),
               "[freeze.match] freezes every weight");
  return rules;
}

}  // namespace gradus
