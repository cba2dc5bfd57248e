// SPDX-License-Identifier: Apache-2.0
#include "training/optimizer.h"

#include <cmath>
#include <optional>

#include <gtest/gtest.h>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/executable.h"
#include "ops/all_ops.h"
#include "training/program.h"

namespace gradus {
namespace {

Tensor numbers(const Shape& shape, std::vector<double> values) {
  return Tensor::from<double>(DType::f64, shape, values);
}

// A 2-2-1 network in f64 with a sigmoid hidden layer and half the squared error.
class SmallNet {
 public:
  explicit SmallNet(const Optimizer& rule) : states_(cpu_device()), arena_(cpu_device()) {
    auto graph = std::make_shared<Graph>();
    Place place{*graph, parameters_, DType::f64, true};
    const Value x = graph->input("x", DType::f64, {1, 2});
    const Value y = graph->input("y", DType::f64, {1, 1});
    const Value hidden = activation_layer(linear_layer(place, "fc1", x, 2), "sigmoid");
    const Value error = linear_layer(place, "fc2", hidden, 1) - y;
    const Value loss = sum(square(error)) * 0.5;
    std::vector<Value> weights;
    for (const Parameter& parameter : parameters_.all())
      weights.push_back(graph->state(parameter.name, parameter.spec.dtype, parameter.spec.shape));
    const Value lr = graph->input("lr", DType::f64, {}),
                step = graph->input("step", DType::f64, {});
    add_updates(rule, *graph, parameters_, weights, gradients(loss, weights), lr, step);
    graph->output("loss", loss);
    program_.emplace(graph, states_, arena_);
    set_first_values(parameters_, 1, states_);
    states_.set("fc1.weight", numbers({2, 2}, {0.15, 0.20, 0.25, 0.30}));
    states_.set("fc1.bias", numbers({2}, {0.35, 0.36}));
    states_.set("fc2.weight", numbers({1, 2}, {0.40, 0.45}));
    states_.set("fc2.bias", numbers({1}, {0.60}));
  }

  double step(double lr, int number) {
    program_->set_input("x", numbers({1, 2}, {0.05, 0.10}));
    program_->set_input("y", numbers({1, 1}, {0.01}));
    program_->set_input("lr", numbers({}, {lr}));
    program_->set_input("step", numbers({}, {static_cast<double>(number)}));
    program_->run();
    return program_->output("loss").item();
  }

  std::vector<double> state(const std::string& name) const {
    return states_.get(name).to_doubles();
  }

 private:
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  std::optional<Executable> program_;
};

TEST(Optimizer, OneStepOfASmallNetIsTheChainRuleByHand) {
  register_all_ops();
  SmallNet net(make_optimizer("sgd"));
  const double loss = net.step(0.5, 1);

  const double x1 = 0.05, x2 = 0.10, y = 0.01, lr = 0.5;
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const double h1 = sigmoid(0.15 * x1 + 0.20 * x2 + 0.35),
               h2 = sigmoid(0.25 * x1 + 0.30 * x2 + 0.36);
  const double error = 0.40 * h1 + 0.45 * h2 + 0.60 - y;
  const double d1 = error * 0.40 * h1 * (1 - h1), d2 = error * 0.45 * h2 * (1 - h2);
  EXPECT_NEAR(loss, 0.5 * error * error, 1e-12);
  const std::vector<std::pair<std::string, std::vector<double>>> expected = {
      {"fc2.weight", {0.40 - lr * error * h1, 0.45 - lr * error * h2}},
      {"fc2.bias", {0.60 - lr * error}},
      {"fc1.weight",
       {0.15 - lr * d1 * x1, 0.20 - lr * d1 * x2, 0.25 - lr * d2 * x1, 0.30 - lr * d2 * x2}},
      {"fc1.bias", {0.35 - lr * d1, 0.36 - lr * d2}},
  };
  for (const auto& [name, values] : expected) {
    const std::vector<double> got = net.state(name);
    ASSERT_EQ(got.size(), values.size()) << name;
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(got[i], values[i], 1e-12) << name << i;
  }
}

TEST(Optimizer, EveryRuleLowersTheLoss) {
  register_all_ops();
  for (const char* name : {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw",
                           "adafactor", "muon"}) {
    SmallNet net(make_optimizer(name));
    const double first = net.step(0.01, 1);
    double last = first;
    for (int step = 2; step <= 20; ++step) last = net.step(0.01, step);
    EXPECT_LT(last, first) << name;
  }
}

TEST(Optimizer, WeightDecayLeavesVectorsAlone) {
  register_all_ops();
  SmallNet plain(make_optimizer("sgd")), decayed(make_optimizer("sgd", 0.1));
  plain.step(0.5, 1);
  decayed.step(0.5, 1);
  EXPECT_EQ(plain.state("fc1.bias"), decayed.state("fc1.bias"));
  EXPECT_NEAR(decayed.state("fc2.weight")[0], plain.state("fc2.weight")[0] - 0.5 * 0.1 * 0.40,
              1e-12);
}

// A table of 5 rows of 3 in f64, three of which stand in sums whose squares are the loss.
class LookUp {
 public:
  LookUp(Optimizer rule, bool sparse, bool shared = false)
      : states_(cpu_device()), arena_(cpu_device()) {
    rule.sparse = sparse;
    auto graph = std::make_shared<Graph>();
    Place place{*graph, parameters_, DType::f64, true};
    const Value indices = graph->input("indices", DType::i64, {6});
    const Value rows = embedding_layer(place, "table", indices, 5, 3, Initialiser::normal(0, 1));
    const Value wanted = graph->full({6, 3}, 0.5, DType::f64);
    const Value table = graph->state("table.weight", DType::f64, {5, 3});
    Value loss = sum(square(linear_layer(place, "fc", rows, 3) - wanted));
    if (shared) loss = loss + sum(square(table));
    std::vector<Value> weights;
    for (const Parameter& parameter : parameters_.all())
      weights.push_back(graph->state(parameter.name, parameter.spec.dtype, parameter.spec.shape));
    const Value lr = graph->input("lr", DType::f64, {}),
                step = graph->input("step", DType::f64, {});
    add_updates(rule, *graph, parameters_, weights, gradients(loss, weights), lr, step);
    program_.emplace(prepared(graph), states_, arena_);
    set_first_values(parameters_, 3, states_);
  }

  void step(const std::vector<int64_t>& indices, int number) {
    program_->set_input("indices", Tensor::from<int64_t>(DType::i64, {6}, indices));
    program_->set_input("lr", numbers({}, {0.1}));
    program_->set_input("step", numbers({}, {static_cast<double>(number)}));
    program_->run();
  }

  std::vector<double> state(const std::string& name) const {
    return states_.get(name).to_doubles();
  }
  std::vector<double> row(int64_t i) const {
    const std::vector<double> all = state("table.weight");
    return {all.begin() + 3 * i, all.begin() + 3 * (i + 1)};
  }

 private:
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  std::optional<Executable> program_;
};

TEST(SparseAdam, IsAdamWhereEveryRowIsLookedUp) {
  register_all_ops();
  for (const char* name : {"adam", "adamw"}) {
    LookUp dense(make_optimizer(name), false), sparse(make_optimizer(name), true);
    const std::vector<int64_t> orders[] = {
        {0, 1, 2, 3, 4, 2}, {4, 4, 3, 0, 2, 1}, {2, 1, 0, 4, 3, 3}};
    for (int number = 1; number <= 9; ++number) {
      dense.step(orders[number % 3], number);
      sparse.step(orders[number % 3], number);
    }
    for (const char* state : {"table.weight", "fc.weight", "optimizer.exp_avg.table.weight",
                              "optimizer.exp_avg_sq.table.weight"})
      EXPECT_EQ(dense.state(state), sparse.state(state)) << state;
  }
}

// Rows that are not looked up stay, and so do their moments: the row's next step goes by them.
TEST(SparseAdam, OtherRowsAndTheirMomentsStay) {
  register_all_ops();
  LookUp net(make_optimizer("adam"), true);
  net.step({1, 1, 3, 3, 3, 1}, 1);
  const std::vector<double> one = net.row(1), weights = net.state("table.weight");
  const std::vector<double> mean = net.state("optimizer.exp_avg.table.weight");
  net.step({0, 0, 0, 2, 2, 2}, 2);
  EXPECT_EQ(net.row(1), one);
  EXPECT_NE(net.row(0), (std::vector<double>{weights.begin(), weights.begin() + 3}));
  EXPECT_EQ(net.row(4), (std::vector<double>{weights.begin() + 12, weights.end()}));
  const std::vector<double> later = net.state("optimizer.exp_avg.table.weight");
  for (size_t i = 3; i < 6; ++i) EXPECT_EQ(later[i], mean[i]);
  // Under the dense rule the same row goes on by its momentum.
  LookUp dense(make_optimizer("adam"), false);
  dense.step({1, 1, 3, 3, 3, 1}, 1);
  EXPECT_EQ(dense.row(1), one);
  dense.step({0, 0, 0, 2, 2, 2}, 2);
  EXPECT_NE(dense.row(1), one);
}

TEST(SparseAdam, RefusesATableThatIsMoreThanLookedUp) {
  register_all_ops();
  EXPECT_THROW(LookUp(make_optimizer("adam"), true, true), Error);
  EXPECT_THROW(LookUp(make_optimizer("adam", 0.1), true), Error);
  EXPECT_NO_THROW(LookUp(make_optimizer("adam"), false, true));
}

}  // namespace
}  // namespace gradus
