// SPDX-License-Identifier: Apache-2.0
#include "training/optimizer.h"

#include <algorithm>

#include <fmt/core.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

const AttrList adam_attributes = {{"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}};

Optimizer descent(std::string_view name) {
  Optimizer optimizer{.rule = {.op = "sgd_step"}};
  if (name == "sgd") return optimizer;
  optimizer.rule.memory = {{"momentum_buffer"}};
  AttrList& attributes = optimizer.rule.attributes;
  attributes = {{"momentum", 0.9}};
  if (name == "nesterov") attributes.emplace_back("nesterov", true);
  if (name != "lars") return optimizer;
  // Its rates change from step to step, so they belong inside of the momentum.
  attributes.emplace_back("momentum_form", "lr_inside");
  optimizer.trust = Optimizer::Trust::lars;
  optimizer.trust_coefficient = 0.001;
  optimizer.trust_eps = 1e-8;
  return optimizer;
}

UpdateRule adaptive_rule(std::string_view name) {
  UpdateRule rule{.op = fmt::format("{}_step", name == "lamb" ? "adam" : name),
                  .memory = {{"exp_avg"}, {"exp_avg_sq"}},
                  .attributes = adam_attributes};
  if (name == "adamax") rule.memory = {{"exp_avg"}, {"exp_inf"}};
  if (name == "nadam") rule.memory.push_back({"mu_product", 1, UpdateRule::Extent::number});
  if (name == "lion") {
    rule.memory = {{"exp_avg"}};
    rule.attributes = {{"beta1", 0.9}, {"beta2", 0.99}};
  }
  if (name == "lamb") rule.attributes.back().second = 1e-6;
  return rule;
}

Optimizer muon() {
  return {.rule = {.op = "muon_step",
                   .memory = {{"momentum_buffer"}},
                   .attributes = {{"momentum", 0.95}, {"nesterov", true}}},
          .rest = adaptive_rule("adamw")};
}

UpdateRule adafactor_rule() {
  using Extent = UpdateRule::Extent;
  return {.op = "adafactor_step",
          .memory = {{"row_var", 0, Extent::row},
                     {"col_var", 0, Extent::column},
                     {"variance", 0, Extent::of_vector}}};
}

void set_attribute(UpdateRule& rule, std::string_view name, const AttrValue& value) {
  const auto found = std::ranges::find(rule.attributes, name, &NamedAttr::first);
  if (found == rule.attributes.end())
    rule.attributes.emplace_back(name, value);
  else
    found->second = value;
}

// Of the rule that has the attribute; of Muon the betas are the other rule's.
UpdateRule& rule_with(Optimizer& optimizer, std::string_view attribute) {
  return optimizer.rest && attribute.starts_with("beta") ? *optimizer.rest : optimizer.rule;
}

// Every key of the rule that is an attribute of its op.
void take_attributes(const Recipe& recipe, Optimizer& optimizer) {
  for (const std::string_view name :
       {"momentum", "dampening", "beta1", "beta2", "alpha", "rho", "lr_decay", "momentum_decay",
        "eps", "beta2_decay", "eps2", "d"}) {
    const std::string key = fmt::format("optimizer.{}", name);
    if (recipe.has(key)) set_attribute(rule_with(optimizer, name), name, recipe.real(key));
  }
  for (const std::string_view name :
       {"centered", "amsgrad", "decoupled_weight_decay", "nesterov", "maximize"}) {
    const std::string key = fmt::format("optimizer.{}", name);
    if (recipe.has(key)) set_attribute(optimizer.rule, name, recipe.boolean(key));
  }
  for (const std::string_view name : {"momentum_form", "adjust_lr_fn"}) {
    const std::string key = fmt::format("optimizer.{}", name);
    if (recipe.has(key)) set_attribute(optimizer.rule, name, recipe.text(key));
  }
  if (recipe.has("optimizer.ns_steps"))
    set_attribute(optimizer.rule, "ns_steps", recipe.integer("optimizer.ns_steps"));
  if (!optimizer.rest) return;
  set_attribute(*optimizer.rest, "maximize", recipe.boolean("optimizer.maximize"));
  optimizer.rest_match = recipe.texts("optimizer.rest");
  optimizer.rest_lr_scale = recipe.real("optimizer.rest_lr_scale");
}

// The memory that some settings ask for, and the rest of what is no attribute.
void take_memory(const Recipe& recipe, Optimizer& optimizer) {
  UpdateRule& rule = optimizer.rule;
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
  optimizer.sparse = recipe.has("optimizer.sparse") && recipe.boolean("optimizer.sparse");
  GRADUS_CHECK(!optimizer.sparse || !recipe.boolean("optimizer.amsgrad"),
               "[optimizer.sparse] does not go with optimizer.amsgrad");
  if (optimizer.trust != Optimizer::Trust::lars) return;
  optimizer.trust_coefficient = recipe.real("optimizer.trust");
  optimizer.trust_eps = recipe.real("optimizer.eps");
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
  rule.lookahead = {recipe.integer("lookahead.every"), recipe.real("lookahead.alpha")};
  rule.sharpness = recipe.real("sam.rho");
}

}  // namespace

std::optional<Shape> UpdateRule::Memory::shape(Shape weight) const {
  const int rank = weight.rank();
  switch (extent) {
    case Extent::weight:
      return weight;
    case Extent::number:
      return Shape{};
    case Extent::of_vector:
      return rank < 2 ? std::optional(weight) : std::nullopt;
    case Extent::row:
    case Extent::column:
      break;
  }
  if (rank < 2) return {};
  weight[extent == Extent::row ? rank - 1 : rank - 2] = 1;
  return weight;
}

Optimizer make_optimizer(std::string_view name, double weight_decay) {
  Optimizer made;
  if (name == "sgd" || name == "momentum" || name == "nesterov" || name == "lars") {
    made = descent(name);
  } else if (name == "adagrad") {
    made.rule = {"adagrad_step", {{"state_sum"}}, {{"eps", 1e-10}}};
  } else if (name == "adadelta") {
    made.rule = {"adadelta_step", {{"square_avg"}, {"acc_delta"}}, {{"rho", 0.9}, {"eps", 1e-6}}};
  } else if (name == "rmsprop") {
    made.rule = {"rmsprop_step", {{"square_avg"}}, {{"alpha", 0.99}, {"eps", 1e-8}}};
  } else if (name == "adafactor") {
    made.rule = adafactor_rule();
  } else if (name == "lbfgs") {
    made.lbfgs.emplace();
  } else if (name == "muon") {
    made = muon();
  } else {
    const std::string_view others[] = {"adam", "adamw", "adamax", "nadam", "radam", "lion", "lamb"};
    GRADUS_CHECK(std::ranges::count(others, name) == 1, "unknown optimizer '{}'", name);
    made.rule = adaptive_rule(name);
    if (name == "lamb") made.trust = Optimizer::Trust::lamb;
  }
  made.weight_decay = weight_decay;
  return made;
}

Optimizer make_optimizer(const Recipe& recipe) {
  Optimizer rule =
      make_optimizer(recipe.text("optimizer.name"), recipe.real("optimizer.weight_decay"));
  if (rule.lbfgs) rule.lbfgs = make_lbfgs(recipe);
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
