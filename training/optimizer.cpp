// SPDX-License-Identifier: Apache-2.0
#include "training/optimizer.h"

#include <algorithm>

#include <fmt/core.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

const AttrList adam_attributes = {{"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}};

Optimizer descent(std::string_view name) {
  Optimizer rule{.op = "sgd_step"};
  if (name == "sgd") return rule;
  rule.memory = {{"momentum_buffer"}};
  rule.attributes = {{"momentum", 0.9}};
  if (name == "nesterov") rule.attributes.emplace_back("nesterov", true);
  if (name != "lars") return rule;
  // Its rates change from step to step, so they belong inside of the momentum.
  rule.attributes.emplace_back("momentum_form", "lr_inside");
  rule.trust = Optimizer::Trust::lars;
  rule.trust_coefficient = 0.001;
  rule.trust_eps = 1e-8;
  return rule;
}

Optimizer adaptive(std::string_view name) {
  Optimizer rule{.op = fmt::format("{}_step", name == "lamb" ? "adam" : name),
                 .memory = {{"exp_avg"}, {"exp_avg_sq"}},
                 .attributes = adam_attributes};
  if (name == "adamax") rule.memory = {{"exp_avg"}, {"exp_inf"}};
  if (name == "nadam") rule.memory.push_back({"mu_product", 1, true});
  if (name == "lion") {
    rule.memory = {{"exp_avg"}};
    rule.attributes = {{"beta1", 0.9}, {"beta2", 0.99}};
  }
  if (name == "lamb") {
    rule.attributes.back().second = 1e-6;
    rule.trust = Optimizer::Trust::lamb;
  }
  return rule;
}

void set_attribute(Optimizer& rule, std::string_view name, const AttrValue& value) {
  const auto found = std::ranges::find(rule.attributes, name, &NamedAttr::first);
  if (found == rule.attributes.end())
    rule.attributes.emplace_back(name, value);
  else
    found->second = value;
}

// Every key of the rule that is an attribute of its op.
void take_attributes(const Recipe& recipe, Optimizer& rule) {
  for (const std::string_view name : {"momentum", "dampening", "beta1", "beta2", "alpha", "rho",
                                      "lr_decay", "momentum_decay", "eps"}) {
    const std::string key = fmt::format("optimizer.{}", name);
    if (recipe.has(key)) set_attribute(rule, name, recipe.real(key));
  }
  for (const std::string_view name :
       {"centered", "amsgrad", "decoupled_weight_decay", "maximize"}) {
    const std::string key = fmt::format("optimizer.{}", name);
    if (recipe.has(key)) set_attribute(rule, name, recipe.boolean(key));
  }
  if (recipe.has("optimizer.momentum_form"))
    set_attribute(rule, "momentum_form", recipe.text("optimizer.momentum_form"));
}

// The memory that some settings ask for, and the rest of what is no attribute.
void take_memory(const Recipe& recipe, Optimizer& rule) {
  if (rule.op == "rmsprop_step") {
    if (recipe.real("optimizer.momentum") > 0) rule.memory.push_back({"momentum_buffer"});
    if (recipe.boolean("optimizer.centered")) rule.memory.push_back({"grad_avg"});
  }
  if (recipe.has("optimizer.amsgrad") && recipe.boolean("optimizer.amsgrad"))
    rule.memory.push_back({"max_exp_avg_sq"});
  if (rule.op == "adagrad_step")
    rule.memory[0].first = recipe.real("optimizer.initial_accumulator");
  if (rule.op == "sgd_step" && !rule.memory.empty() && recipe.real("optimizer.momentum") == 0)
    rule.memory.clear();
  if (rule.trust != Optimizer::Trust::lars) return;
  rule.trust_coefficient = recipe.real("optimizer.trust");
  rule.trust_eps = recipe.real("optimizer.eps");
  std::erase_if(rule.attributes, [](const NamedAttr& a) { return a.first == "eps"; });
}

void take_weights(const Recipe& recipe, Optimizer& rule) {
  rule.decay_all = recipe.boolean("optimizer.decay_all");
  rule.layer_decay = recipe.real("optimizer.layer_decay");
  for (const std::string& name : recipe.tables("optimizer.groups")) {
    const std::string table = fmt::format("optimizer.groups.{}.", name);
    WeightGroup group{.name = name,
                      .match = recipe.texts(table + "match"),
                      .lr_scale = recipe.real(table + "lr_scale")};
    GRADUS_CHECK(!group.match.empty(), "[{}match] expected at least one pattern", table);
    const double decay = recipe.real(table + "weight_decay");
    if (decay >= 0) group.weight_decay = decay;
    rule.groups.push_back(group);
  }
  rule.frozen = recipe.texts("freeze.match");
  rule.frozen_until = recipe.integer("freeze.until");
  GRADUS_CHECK(rule.frozen_until == 0 || !rule.frozen.empty(),
               "[freeze.until] belongs to freeze.match, which names no weight");
}

}  // namespace

Optimizer make_optimizer(std::string_view name, double weight_decay) {
  Optimizer rule;
  if (name == "sgd" || name == "momentum" || name == "nesterov" || name == "lars") {
    rule = descent(name);
  } else if (name == "adagrad") {
    rule = {"adagrad_step", {{"state_sum"}}, {{"eps", 1e-10}}};
  } else if (name == "adadelta") {
    rule = {"adadelta_step", {{"square_avg"}, {"acc_delta"}}, {{"rho", 0.9}, {"eps", 1e-6}}};
  } else if (name == "rmsprop") {
    rule = {"rmsprop_step", {{"square_avg"}}, {{"alpha", 0.99}, {"eps", 1e-8}}};
  } else {
    const std::string_view others[] = {"adam", "adamw", "adamax", "nadam", "radam", "lion", "lamb"};
    GRADUS_CHECK(std::ranges::count(others, name) == 1, "unknown optimizer '{}'", name);
    rule = adaptive(name);
  }
  rule.weight_decay = weight_decay;
  return rule;
}

Optimizer make_optimizer(const Recipe& recipe) {
  Optimizer rule =
      make_optimizer(recipe.text("optimizer.name"), recipe.real("optimizer.weight_decay"));
  take_attributes(recipe, rule);
  take_memory(recipe, rule);
  take_weights(recipe, rule);
  rule.guarded = recipe.text("guard.policy") == "skip";
  rule.averaged = recipe.text("average.name") != "none";
  rule.regularisation = {.label_smoothing = recipe.real("loss.label_smoothing"),
                         .mixes = recipe.real("mix.mixup") > 0 || recipe.real("mix.cutmix") > 0,
                         .l1 = recipe.real("penalty.l1"),
                         .l2 = recipe.real("penalty.l2"),
                         .proximal = recipe.text("penalty.l1_form") == "proximal",
                         .clip_value = recipe.real("clip_value"),
                         .noise = recipe.real("noise.gradient"),
                         .noise_decay = recipe.real("noise.decay")};
  return rule;
}

}  // namespace gradus
