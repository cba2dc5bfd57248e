// SPDX-License-Identifier: Apache-2.0
#include "training/weight_rules.h"

#include <cmath>

#include <gtest/gtest.h>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/executable.h"
#include "ops/all_ops.h"
#include "training/gradient_shaping.h"
#include "training/program.h"

namespace gradus {
namespace {

Tensor numbers(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(DType::f64, shape, values);
}

struct Weight {
  std::string name;
  Shape shape;
  std::vector<double> first, slope;  // curve 0: the gradient everywhere; else curve (w - slope)
};

// Weights in f64 whose loss is sum slope w, or 1/2 curve sum (w - slope)^2.
class Fit {
 public:
  Fit(const Optimizer& rule, const std::vector<Weight>& weights, double clip = 0, double curve = 0)
      : states_(cpu_device()), arena_(cpu_device()) {
    register_all_ops();
    auto graph = std::make_shared<Graph>();
    std::vector<Value> values;
    Value loss = graph->scalar(0, DType::f64);
    for (const Weight& weight : weights) {
      const Value w = graph->state(weight.name, DType::f64, weight.shape);
      parameters_.add({weight.name, w.spec(), Initialiser::constant(0), ParameterRole::weight,
                       weight.shape.rank() >= 2});
      const Value slope = graph->constant(numbers(weight.shape, weight.slope));
      loss = loss + (curve == 0 ? sum(w * slope) : sum(square(w - slope)) * (0.5 * curve));
      values.push_back(w);
    }
    std::vector<Value> slopes = gradients(loss, values);
    drop_frozen(rule, parameters_, values, slopes);
    const Value lr = graph->input("lr", DType::f64, {}),
                step = graph->input("step", DType::f64, {});
    Value norm;
    slopes = shaped_gradients(rule, clip, parameters_, values, slopes, step, false, norm);
    add_updates(rule, *graph, parameters_, values, slopes, lr, step);
    graph->output("loss", loss);
    program_.emplace(prepared(graph), states_, arena_);
    set_first_values(parameters_, 1, states_);
    for (const Weight& weight : weights)
      states_.set(weight.name, numbers(weight.shape, weight.first));
  }

  void step(double lr, int64_t count = 1) {
    for (int64_t i = 0; i < count; ++i) {
      ++step_;
      program_->set_input("lr", numbers({}, {lr}));
      program_->set_input("step", numbers({}, {static_cast<double>(step_)}));
      program_->run({.seed = 3, .step = static_cast<uint64_t>(step_)});
    }
  }
  std::vector<double> operator[](const std::string& name) const {
    return states_.get(name).to_doubles();
  }

 private:
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  std::optional<Executable> program_;
  int64_t step_ = 0;
};

void expect_near(const std::vector<double>& got, const std::vector<double>& expected,
                 double tolerance = 1e-14) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << i;
}

const std::vector<Weight> two = {{"head.weight", {1, 2}, {1, -2}, {0.5, 0.25}},
                                 {"head.bias", {2}, {3, 4}, {-1, 2}}};

std::string refusal(const Optimizer& rule) {
  try {
    Fit(rule, two);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_argument);
    return error.what();
  }
  return "accepted";
}

TEST(WeightRules, AGroupScalesItsRateAndHasItsOwnDecay) {
  Optimizer rule = make_optimizer("sgd", 0.1);
  rule.groups = {{"bias", {"*.bias"}, 0.5, 0.2}};
  Fit fit(rule, two);
  fit.step(0.1);
  expect_near(fit["head.weight"], {1 - 0.1 * (0.5 + 0.1 * 1), -2 - 0.1 * (0.25 - 0.1 * 2)});
  expect_near(fit["head.bias"], {3 - 0.05 * (-1 + 0.2 * 3), 4 - 0.05 * (2 + 0.2 * 4)});
  rule.groups = {{"head", {"head.weight"}, 1, 0.0}};
  Fit other(rule, two);
  other.step(0.1);
  expect_near(other["head.weight"], {1 - 0.1 * 0.5, -2 - 0.1 * 0.25});
}

TEST(WeightRules, VectorsDecayOnlyWhereAllDo) {
  Optimizer rule = make_optimizer("sgd", 0.1);
  Fit some(rule, two);
  rule.decay_all = true;
  Fit all(rule, two);
  some.step(0.5);
  all.step(0.5);
  expect_near(some["head.bias"], {3.5, 3});
  expect_near(all["head.bias"], {3 - 0.5 * (-1 + 0.3), 4 - 0.5 * (2 + 0.4)});
}

TEST(WeightRules, LayersBehindOneLowerItsRate) {
  Optimizer rule = make_optimizer("sgd");
  rule.layer_decay = 0.5;
  std::vector<Parameter> weights;
  for (const char* name : {"wte.weight", "h.0.attn.weight", "h.0.mlp.weight", "h.1.attn.weight",
                           "ln_f.weight", "ln_f.bias"})
    weights.push_back({name, {DType::f32, {2, 2}}, Initialiser::constant(0)});
  const double expected[] = {0.125, 0.25, 0.25, 0.5, 1, 1};
  const std::vector<WeightRule> rules = weight_rules(rule, weights);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(rules[i].lr_scale, expected[i]) << weights[i].name;
}

TEST(WeightRules, WhatIsFrozenStaysBitForBit) {
  Optimizer rule = make_optimizer("adamw", 0.1);
  rule.frozen = {"head.weight"};
  Fit fit(rule, two);
  fit.step(0.1, 5);
  EXPECT_EQ(fit["head.weight"], (std::vector<double>{1, -2}));
  EXPECT_NE(fit["head.bias"], (std::vector<double>{3, 4}));
}

// From step 4 on a weight does what one that was never frozen does from step 1 on.
TEST(WeightRules, AWeightThatThawsStartsAsAtStepOne) {
  for (const char* name : {"sgd", "momentum", "adam", "adamw", "nadam", "radam", "lion", "lamb",
                           "adafactor", "muon"}) {
    Optimizer rule = make_optimizer(name, 0.1);
    Fit free(rule, two);
    rule.frozen = {"head.weight"};
    rule.frozen_until = 4;
    Fit late(rule, two);
    late.step(0.1, 3);
    EXPECT_EQ(late["head.weight"], (std::vector<double>{1, -2})) << name;
    late.step(0.1, 6);
    free.step(0.1, 6);
    expect_near(late["head.weight"], free["head.weight"]);
  }
}

TEST(WeightRules, PatternsThatFitNothingAndDoubleGroupsAreRefused) {
  Optimizer rule = make_optimizer("sgd");
  rule.frozen = {"haed.weight"};
  EXPECT_NE(refusal(rule).find("[freeze.match] no weight of the model fits 'haed.weight', did you "
                               "mean 'head.weight'?"),
            std::string::npos)
      << refusal(rule);
  rule.frozen = {"*"};
  EXPECT_NE(refusal(rule).find("freezes every weight"), std::string::npos);
  rule.frozen = {};
  rule.groups = {{"a", {"head.*"}}, {"b", {"*.bias"}}};
  EXPECT_NE(refusal(rule).find("'head.bias' is in two groups, 'a' and 'b'"), std::string::npos);
  rule.groups = {{"a", {"tail.*"}}};
  EXPECT_NE(refusal(rule).find("[optimizer.groups.a.match] no weight"), std::string::npos);
}

TEST(Penalty, AddsItsSlopeToWeightsThatDecay) {
  Optimizer rule = make_optimizer("sgd");
  rule.regularisation.l1 = 0.3;
  rule.regularisation.l2 = 0.2;
  Fit fit(rule, two);
  fit.step(0.1);
  expect_near(fit["head.weight"],
              {1 - 0.1 * (0.5 + 0.3 + 2 * 0.2 * 1), -2 - 0.1 * (0.25 - 0.3 + 2 * 0.2 * -2)});
  expect_near(fit["head.bias"], {3.1, 3.8});
}

TEST(Penalty, L2IsHalfTheWeightDecayOfDescentButNotOfAdam) {
  const auto after = [](const char* name, double l2, double decay) {
    Optimizer rule = make_optimizer(name, decay);
    rule.regularisation.l2 = l2;
    Fit fit(rule, two);
    fit.step(0.1, 50);
    return fit["head.weight"];
  };
  for (const char* name : {"sgd", "momentum", "nesterov", "adam"})
    expect_near(after(name, 0.05, 0), after(name, 0, 0.1), 1e-12);
  EXPECT_GT(std::fabs(after("adamw", 0.05, 0)[0] - after("adamw", 0, 0.1)[0]), 1e-3);
}

// The minimum of 1/2 (w - a)^2 + l1 |w| + l2 w^2 is a moved by l1 towards 0, at most to it, over
// 1 + 2 l2.
TEST(Penalty, ProximalStepsFindTheExactZerosOfTheLassoAndTheElasticNet) {
  const std::vector<double> centres = {2, 0.3, -0.29, -1.5, 0};
  for (const double l2 : {0.0, 0.25}) {
    Optimizer rule = make_optimizer("sgd");
    rule.regularisation = {.l1 = 0.4, .l2 = l2, .proximal = true};
    Fit fit(rule, {{"w", {1, 5}, {1, 1, 1, 1, 1}, centres}}, 0, 1);
    fit.step(0.2, 400);
    const std::vector<double> got = fit["w"];
    for (size_t i = 0; i < got.size(); ++i) {
      const double size = std::max(std::fabs(centres[i]) - 0.4, 0.0);
      if (size == 0)
        EXPECT_EQ(got[i], 0);
      else
        EXPECT_NEAR(got[i], std::copysign(size / (1 + 2 * l2), centres[i]), 1e-12);
    }
  }
}

TEST(Clip, LimitsComponentsThenTheNorm) {
  Optimizer rule = make_optimizer("sgd");
  rule.regularisation.clip_value = 1;
  const std::vector<Weight> weights = {{"a", {2}, {0, 0}, {3, 0.1}}, {"b", {1}, {0}, {-7}}};
  Fit fit(rule, weights);
  fit.step(1);
  expect_near(fit["a"], {-1, -0.1});
  expect_near(fit["b"], {1});
  Fit both(rule, weights, 0.5);
  both.step(1);
  const double norm = std::sqrt(1 + 0.01 + 1);
  expect_near(both["a"], {-0.5 / norm, -0.05 / norm}, 1e-6);
  expect_near(both["b"], {0.5 / norm}, 1e-6);
}

TEST(Noise, HasItsVarianceWhichFalls) {
  Optimizer rule = make_optimizer("sgd");
  rule.regularisation.noise = 4;
  rule.regularisation.noise_decay = 0.5;
  const int64_t count = 40000;
  const std::vector<double> zeros(count, 0);
  Fit fit(rule, {{"w", {count}, zeros, zeros}}), again(rule, {{"w", {count}, zeros, zeros}});
  std::vector<double> before = zeros;
  for (const double variance : {4.0, 4 / std::sqrt(2.0), 4 / std::sqrt(3.0)}) {
    fit.step(1);
    const std::vector<double> now = fit["w"];
    double sum = 0, squares = 0;
    for (size_t i = 0; i < now.size(); ++i) {
      sum += now[i] - before[i];
      squares += (now[i] - before[i]) * (now[i] - before[i]);
    }
    EXPECT_NEAR(sum / count, 0, 4 * std::sqrt(variance / count));
    EXPECT_NEAR(squares / count, variance, 0.04 * variance);
    before = now;
  }
  again.step(1, 3);
  EXPECT_EQ(again["w"], fit["w"]);
}

double norm_of(const std::vector<double>& v) {
  double squares = 0;
  for (const double x : v) squares += x * x;
  return std::sqrt(squares);
}

// Against the formulas of the papers, on the host.
TEST(Trust, LarsScalesEachLayersStep) {
  Optimizer rule = make_optimizer("lars", 0.1);
  Fit fit(rule, two);
  std::vector<double> w = {1, -2}, v = {0, 0}, b = {3, 4}, vb = {0, 0};
  const std::vector<double> g = {0.5, 0.25}, gb = {-1, 2};
  for (const double lr : {0.5, 0.2, 0.2}) {
    fit.step(lr);
    const double rate = lr * 0.001 * norm_of(w) / (norm_of(g) + 0.1 * norm_of(w) + 1e-8);
    for (size_t i = 0; i < 2; ++i) {
      v[i] = 0.9 * v[i] + rate * (g[i] + 0.1 * w[i]);
      vb[i] = 0.9 * vb[i] + lr * gb[i];
    }
    for (size_t i = 0; i < 2; ++i) {
      w[i] -= v[i];
      b[i] -= vb[i];
    }
    expect_near(fit["head.weight"], w);
    expect_near(fit["head.bias"], b);
  }
}

TEST(Trust, LambMovesAWeightByAShareOfItsNorm) {
  Optimizer rule = make_optimizer("lamb", 0.1);
  Fit fit(rule, two);
  std::vector<double> w = {1, -2}, m = {0, 0}, v = {0, 0}, b = {3, 4};
  const std::vector<double> g = {0.5, 0.25}, gb = {-1, 2};
  for (int t = 1; t <= 4; ++t) {
    fit.step(0.01);
    std::vector<double> u(2);
    for (size_t i = 0; i < 2; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      u[i] = m[i] / (1 - std::pow(0.9, t)) / (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-6) +
             0.1 * w[i];
      b[i] -= 0.01 * gb[i] / (std::fabs(gb[i]) + 1e-6);  // a constant gradient, without trust
    }
    const double rate = 0.01 * norm_of(w) / norm_of(u);
    for (size_t i = 0; i < 2; ++i) w[i] -= rate * u[i];
    expect_near(fit["head.weight"], w, 1e-12);
    expect_near(fit["head.bias"], b, 1e-12);
  }
}

TEST(Trust, AWeightOfZeroStillMoves) {
  for (const char* name : {"lars", "lamb"}) {
    Fit fit(make_optimizer(name), {{"w", {1, 2}, {0, 0}, {1, -1}}});
    fit.step(0.1);
    EXPECT_LT(fit["w"][0], -0.05) << name;
    EXPECT_GT(fit["w"][1], 0.05) << name;
  }
}

const char* const every_rule[] = {"sgd",  "momentum", "nesterov",  "adagrad", "adadelta", "rmsprop",
                                  "adam", "adamw",    "adamax",    "nadam",   "radam",    "lion",
                                  "lars", "lamb",     "adafactor", "muon"};

TEST(Rules, EachOfARecipeComesCloserToTheMinimum) {
  for (const char* name : every_rule) {
    const Recipe recipe = parse_recipe("", "r", {std::string("optimizer.name=") + name});
    Fit fit(make_optimizer(recipe), {{"w", {1, 2}, {1, -2}, {0.5, 1}}}, 0, 1);
    const auto distance = [&] { return std::hypot(fit["w"][0] - 0.5, fit["w"][1] - 1); };
    const double first = distance();
    fit.step(recipe.real("lr"), 30);
    EXPECT_LT(distance(), first) << name;
  }
}

// Every option changes what a rule does, and is refused by the others.
TEST(Rules, TheirOptionsReachTheOps) {
  const auto after = [](const std::vector<std::string>& settings) {
    Fit fit(make_optimizer(parse_recipe("", "r", settings)), {{"w", {1, 2}, {1, -2}, {0.5, 1}}}, 0,
            1);
    fit.step(0.1, 4);
    return fit["w"];
  };
  const std::vector<std::pair<std::string, std::string>> options = {
      {"momentum", "optimizer.momentum=0.5"},
      {"momentum", "optimizer.dampening=0.5"},
      {"nesterov", "optimizer.momentum=0.5"},
      {"adagrad", "optimizer.lr_decay=0.5"},
      {"adagrad", "optimizer.initial_accumulator=1"},
      {"adagrad", "optimizer.eps=0.1"},
      {"adadelta", "optimizer.rho=0.5"},
      {"adadelta", "optimizer.eps=0.1"},
      {"rmsprop", "optimizer.alpha=0.5"},
      {"rmsprop", "optimizer.centered=true"},
      {"rmsprop", "optimizer.momentum=0.9"},
      {"adam", "optimizer.beta1=0.5"},
      {"adam", "optimizer.beta2=0.5"},
      {"adam", "optimizer.eps=0.1"},
      {"adamw", "optimizer.weight_decay=0.5"},
      {"adamax", "optimizer.beta2=0.5"},
      {"nadam", "optimizer.momentum_decay=0.5"},
      {"radam", "optimizer.beta1=0.5"},
      {"lion", "optimizer.weight_decay=0.5"},
      {"lars", "optimizer.trust=0.1"},
      {"lars", "optimizer.momentum=0.1"},
      {"lamb", "optimizer.beta1=0.5"},
      {"adafactor", "optimizer.beta2_decay=-0.5"},
      {"adafactor", "optimizer.eps2=10"},
      {"adafactor", "optimizer.weight_decay=0.5"},
      {"muon", "optimizer.beta1=0.5"},
      {"muon", "optimizer.beta2=0.5"},
      {"muon", "optimizer.weight_decay=0.5"},
      {"muon", "optimizer.rest_lr_scale=0.5"},
      {"sgd", "lookahead.every=2"},
      {"sgd", "optimizer.maximize=true"},
      {"sgd", "penalty.l1=0.1"},
      {"sgd", "penalty.l2=0.1"},
      {"sgd", "clip_value=0.1"},
      {"sgd", "noise.gradient=0.1"}};
  for (const auto& [rule, option] : options)
    EXPECT_NE(after({"optimizer.name=" + rule}), after({"optimizer.name=" + rule, option}))
        << rule << " " << option;
  // The forms of momentum are one at a constant rate from the start.
  expect_near(after({"optimizer.name=momentum"}),
              after({"optimizer.name=momentum", "optimizer.momentum_form=lr_inside"}), 1e-12);
  // A decoupled decay is another.
  for (const char* rule : {"nadam", "radam"})
    EXPECT_NE(after({std::string("optimizer.name=") + rule, "optimizer.weight_decay=0.5"}),
              after({std::string("optimizer.name=") + rule, "optimizer.weight_decay=0.5",
                     "optimizer.decoupled_weight_decay=true"}));
  // Steps are cut where gradients grow.
  const std::vector<std::string> growing = {"optimizer.name=adafactor", "optimizer.maximize=true"};
  std::vector<std::string> longer = growing;
  longer.emplace_back("optimizer.d=2");
  EXPECT_NE(after(growing), after(longer));
  // Muon's own, where the weight is not of the last layer.
  const auto inner = [](const std::vector<std::string>& settings) {
    std::vector<std::string> all = {"optimizer.name=muon"};
    all.insert(all.end(), settings.begin(), settings.end());
    Fit fit(make_optimizer(parse_recipe("", "r", all)),
            {{"fc1.weight", {2, 1}, {1, -2}, {0.5, 1}}, {"fc2.weight", {1, 1}, {1}, {0.5}}}, 0, 1);
    fit.step(0.1, 4);
    return fit["fc1.weight"];
  };
  for (const char* option : {"optimizer.momentum=0.5", "optimizer.nesterov=false",
                             "optimizer.ns_steps=2", "optimizer.eps=10", "optimizer.maximize=true",
                             "optimizer.adjust_lr_fn=match_rms_adamw", "optimizer.rest=fc*"})
    EXPECT_NE(inner({}), inner({option})) << option;
  EXPECT_EQ(inner({}), inner({"optimizer.beta1=0.5"}));
  // The largest mean square matters once gradients fall.
  EXPECT_NE(after({"optimizer.name=adam", "optimizer.beta2=0.1"}),
            after({"optimizer.name=adam", "optimizer.beta2=0.1", "optimizer.amsgrad=true"}));
  EXPECT_THROW(parse_recipe("", "r", {"optimizer.name=sgd", "optimizer.beta1=0.5"}), Error);
}

// Muon's share of the weights, by what the others remember.
TEST(Muon, LeavesVectorsTablesAndTheLastLayerToAdamW) {
  register_all_ops();
  const auto memory = [](const std::vector<std::string>& patterns) {
    Graph graph;
    ParameterTable parameters;
    Optimizer optimizer = make_optimizer("muon");
    optimizer.rest_match = patterns;
    std::vector<Value> weights;
    const auto add = [&](const char* name, const Shape& shape) {
      weights.push_back(graph.state(name, DType::f32, shape));
      parameters.add({name, weights.back().spec(), Initialiser::constant(0)});
      return weights.back();
    };
    const Value table = add("wte.weight", {7, 4});
    const Value tokens = graph.input("tokens", DType::i64, {3});
    Value x = apply1("embedding", {tokens, table});
    x = apply1("mm", {x, add("h.0.weight", {4, 4})}) + add("h.0.bias", {4});
    x = apply1("mm", {x, add("head.weight", {4, 2})});
    const Value lr = graph.input("lr", DType::f32, {}), step = graph.input("step", DType::f32, {});
    add_updates(optimizer, graph, parameters, weights, gradients(sum(x), weights), lr, step);
    std::vector<std::string> names;
    for (const Parameter& parameter : parameters.all())
      if (parameter.name.find("momentum_buffer") != std::string::npos)
        names.push_back(parameter.name);
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(memory({}), Names{"optimizer.momentum_buffer.h.0.weight"});
  EXPECT_EQ(memory({"h.*"}), (Names{"optimizer.momentum_buffer.wte.weight",
                                    "optimizer.momentum_buffer.head.weight"}));
  EXPECT_THROW(memory({"body.*"}), Error);
}

// Steps of descent by hand: after each second one both stand at the middle.
TEST(Lookahead, SlowWeightsGoAShareOfTheWayAndTheOthersThere) {
  Optimizer rule = make_optimizer("sgd");
  rule.lookahead = {2, 0.25};
  Fit fit(rule, two);
  std::vector<double> fast = {1, -2}, slow = fast;
  for (int t = 1; t <= 6; ++t) {
    fit.step(0.1);
    for (size_t i = 0; i < 2; ++i) {
      fast[i] -= 0.1 * two[0].slope[i];
      if (t % 2 == 0) fast[i] = slow[i] = slow[i] + 0.25 * (fast[i] - slow[i]);
    }
    expect_near(fit["head.weight"], fast);
  }
  EXPECT_EQ(fit["optimizer.slow.head.weight"], fit["head.weight"]);
}

}  // namespace
}  // namespace gradus
