// SPDX-License-Identifier: Apache-2.0
// The update rules against torch.optim (2.x, CPU, f64) and against their composite twins.
#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

struct Rule {
  std::string_view op;
  double lr;
  AttrList attrs;
  std::vector<double> after_ten;  // weights after 10 steps of torch.optim

  bool is_on(std::string_view name) const {
    for (const NamedAttr& attr : attrs)
      if (attr.first == name)
        return attr.second != AttrValue(false) && attr.second != AttrValue(0.0);
    return false;
  }
  bool has_state(std::string_view name) const {
    if (name == "momentum_buffer") return is_on("momentum");
    if (name == "grad_avg") return is_on("centered");
    if (name == "max_exp_avg_sq") return is_on("amsgrad");
    return name != "scale" && name != "skip";
  }
};

// Weights (0.5, -1.25, 2, 0.125); the gradient of weight k at step t (from 0) is
// (k + 1) * w - t / 4.
const std::vector<Rule>& rules() {
  static const std::vector<Rule> list{
      {"sgd_step", 0.05, {}, {0.79305316581108398, 0, 0.78090125553740231, 0.35947620479999998}},
      {"sgd_step",
       0.05,
       {{"momentum", 0.9}, {"dampening", 0.3}, {"weight_decay", 0.02}},
       {0.94981521132724855, 1.5407921904540056, -0.40485333319968586, 0.57248904978746162}},
      {"sgd_step",
       0.05,
       {{"momentum", 0.9}, {"nesterov", true}, {"maximize", true}},
       {-0.30298432244779067, -24.52795005680796, 74.458387402318351, 2.6144623154843525}},
      {"adagrad_step",
       0.1,
       {},
       {0.81806776779593227, -0.70852636018108384, 1.574917380212802, 0.43789217198999636}},
      {"adagrad_step",
       0.1,
       {{"lr_decay", 0.1}, {"weight_decay", 0.05}, {"eps", 0.001}, {"maximize", true}},
       {0.4173861416426034, -1.6937396228025154, 2.3784924768448477, 0.42150770229434381}},
      {"rmsprop_step",
       0.01,
       {},
       {0.8215852065409317, -0.70430758523226222, 1.5711809012736926, 0.44101404380428982}},
      {"rmsprop_step",
       0.01,
       {{"alpha", 0.9}, {"weight_decay", 0.1}, {"momentum", 0.8}},
       {0.69493731140068871, -0.61608531117756016, 1.4618856334313346, 0.39462271724750536}},
      {"rmsprop_step",
       0.01,
       {{"centered", true}, {"eps", 0.001}, {"momentum", 0.5}, {"maximize", true}},
       {0.31343441943882966, -2.3900383645678986, 2.9806632161332276, 1.3739871894896853}},
      {"rmsprop_step",
       0.01,
       {{"centered", true}, {"eps", 0.001}},
       {0.82352694050558972, -0.69307273089891941, 1.563624760689706, 0.44197621383829427}},
      {"adam_step",
       0.05,
       {},
       {0.58256994329901546, -0.74396993495853248, 1.5193146676799478, 0.29196469890245696}},
      {"adam_step",
       0.05,
       {{"eps", 0.0001},
        {"weight_decay", 0.1},
        {"maximize", true},
        {"beta1", 0.8},
        {"beta2", 0.95}},
       {0.42547837504139319, -1.7665892894382653, 2.4947876777056703, 0.51103732355955744}},
      {"adam_step",
       0.05,
       {{"weight_decay", 0.1}, {"amsgrad", true}, {"beta1", 0.8}, {"beta2", 0.5}},
       {0.55241956176905616, -0.76915655019594886, 1.5445579522348365, 0.26909669213632315}},
      {"adamw_step",
       0.05,
       {{"weight_decay", 0.01}},
       {0.58059540352778494, -0.73888838572290771, 1.5106617486687428, 0.29151312814323033}},
      {"adamw_step",
       0.05,
       {{"weight_decay", 0.2}, {"amsgrad", true}, {"beta1", 0.7}, {"beta2", 0.9}},
       {0.64116780197021384, -0.64003720337104231, 1.3766609503642879, 0.35965241000406328}}};
  return list;
}

// One weight tensor and its states under a rule, or under the rule's composite twin.
class Optimizer {
 public:
  Optimizer(const Rule& rule, DType dtype, std::vector<double> weights, bool composite = false)
      : def_(get_op(std::string(rule.op) + (composite ? "_composite" : ""))), dtype_(dtype) {
    for (const InputSpec& spec : def_.inputs) {
      const bool scalar = spec.name == "lr" || spec.name == "step";
      const Shape shape = scalar ? Shape{} : Shape{static_cast<int64_t>(weights.size())};
      const bool present = rule.has_state(spec.name);
      inputs_.push_back(present ? graph_.input(spec.name, dtype, shape) : Value());
      if (present) tensors_[std::string(spec.name)] = Tensor::zeros(dtype, shape);
    }
    const std::vector<Value> outputs = graph_.apply(def_, inputs_, rule.attrs);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i] && outputs[i].spec().present) graph_.output(def_.outputs[i], outputs[i]);
    set("weight", weights);
    set("lr", {rule.lr});
  }

  void set(std::string_view name, const std::vector<double>& values) {
    const Shape shape = tensors_.find(name)->second.shape();
    tensors_.find(name)->second =
        Tensor::from<double>(DType::f64, shape, std::span<const double>(values)).cast(dtype_);
  }
  std::vector<double> get(std::string_view name) const {
    return tensors_.find(name)->second.to_doubles();
  }

  void step(const std::vector<double>& gradient) {
    set("grad", gradient);
    set("step", {static_cast<double>(++steps_)});
    TensorMap states;
    for (auto& [name, tensor] : run_stepwise(graph_, tensors_, states)) tensors_[name] = tensor;
  }

 private:
  const OpDef& def_;
  DType dtype_;
  Graph graph_;
  std::vector<Value> inputs_;
  TensorMap tensors_;
  int steps_ = 0;
};

std::vector<double> after_ten(const Rule& rule, DType dtype, bool composite = false) {
  Optimizer optimizer(rule, dtype, {0.5, -1.25, 2.0, 0.125}, composite);
  for (int t = 0; t < 10; ++t) {
    std::vector<double> gradient = optimizer.get("weight");
    for (size_t k = 0; k < gradient.size(); ++k)
      gradient[k] = static_cast<double>(k + 1) * gradient[k] - 0.25 * t;
    optimizer.step(gradient);
  }
  return optimizer.get("weight");
}

class TenSteps : public testing::TestWithParam<size_t> {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }
  static void expect_near(const std::vector<double>& got, const std::vector<double>& expected,
                          double tolerance) {
    double largest = 1.0;
    for (double value : expected) largest = std::max(largest, std::fabs(value));
    ASSERT_EQ(got.size(), expected.size());
    for (size_t k = 0; k < got.size(); ++k)
      EXPECT_NEAR(got[k], expected[k], tolerance * largest) << "weight " << k;
  }
};

TEST_P(TenSteps, equal_torch_in_f64) {
  const Rule& rule = rules()[GetParam()];
  expect_near(after_ten(rule, DType::f64), rule.after_ten, 1e-12);
}

TEST_P(TenSteps, equal_torch_in_f32) {
  const Rule& rule = rules()[GetParam()];
  expect_near(after_ten(rule, DType::f32), rule.after_ten, 1e-6);
}

TEST_P(TenSteps, equal_their_composite_twin) {
  const Rule& rule = rules()[GetParam()];
  expect_near(after_ten(rule, DType::f64, true), after_ten(rule, DType::f64), 1e-13);
}

INSTANTIATE_TEST_SUITE_P(Rules, TenSteps, testing::Range<size_t>(0, rules().size()));

class OptimizerStep : public testing::Test {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }
  // Minimises w^2 from 1; the weight after each of `count` steps.
  static std::vector<double> descend(const Rule& rule, int count) {
    Optimizer optimizer(rule, DType::f64, {1.0});
    std::vector<double> path;
    for (int i = 0; i < count; ++i) {
      optimizer.step({2.0 * optimizer.get("weight")[0]});
      path.push_back(optimizer.get("weight")[0]);
    }
    return path;
  }
  static void expect_path(const Rule& rule, const std::vector<double>& expected) {
    const std::vector<double> path = descend(rule, static_cast<int>(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(path[i], expected[i], 1e-15);
  }
};

TEST_F(OptimizerStep, gradient_descent_by_hand) {
  expect_path({"sgd_step", 0.1, {}, {}}, {0.8, 0.64, 0.512});
  EXPECT_GT(std::fabs(descend({"sgd_step", 1.1, {}, {}}, 10).back()), 1.0);
}

TEST_F(OptimizerStep, both_momentum_forms_by_hand) {
  const std::vector<double> path{0.8, 0.46, 0.062};
  expect_path({"sgd_step", 0.1, {{"momentum", 0.9}}, {}}, path);
  expect_path({"sgd_step", 0.1, {{"momentum", 0.9}, {"momentum_form", "lr_inside"}}, {}}, path);
}

TEST_F(OptimizerStep, momentum_forms_differ_when_the_rate_changes) {
  const auto second = [](const char* form) {
    Optimizer optimizer({"sgd_step", 0.1, {{"momentum", 0.9}, {"momentum_form", form}}, {}},
                        DType::f64, {1.0});
    optimizer.step({2.0});
    optimizer.set("lr", {0.01});
    optimizer.step({1.6});
    return optimizer.get("weight")[0];
  };
  EXPECT_NEAR(second("pytorch"), 0.8 - 0.01 * (0.9 * 2.0 + 1.6), 1e-15);
  EXPECT_NEAR(second("lr_inside"), 0.8 - (0.9 * 0.2 + 0.01 * 1.6), 1e-15);
}

TEST_F(OptimizerStep, first_adam_step_moves_by_lr_whatever_the_gradient) {
  for (double gradient : {1e-3, 1.0, 1e6}) {
    Optimizer optimizer({"adam_step", 0.001, {}, {}}, DType::f64, {1.0});
    optimizer.step({gradient});
    EXPECT_NEAR(optimizer.get("weight")[0], 0.999, 1e-6);
  }
}

TEST_F(OptimizerStep, adamw_without_decay_is_adam_bit_for_bit) {
  for (DType dtype : {DType::f32, DType::f64})
    EXPECT_EQ(after_ten({"adamw_step", 0.05, {{"weight_decay", 0.0}}, {}}, dtype),
              after_ten({"adam_step", 0.05, {}, {}}, dtype));
}

TEST_F(OptimizerStep, adamw_shrinks_without_gradient_and_adam_goes_elsewhere) {
  Optimizer decoupled({"adamw_step", 0.1, {{"weight_decay", 0.5}}, {}}, DType::f64, {2.0});
  decoupled.step({0.0});
  EXPECT_EQ(decoupled.get("weight")[0], 2.0 * (1.0 - 0.1 * 0.5));
  Optimizer coupled({"adam_step", 0.1, {{"weight_decay", 0.5}}, {}}, DType::f64, {2.0});
  coupled.step({0.0});
  EXPECT_NEAR(coupled.get("weight")[0], 1.9, 1e-6);
  coupled.step({0.0});
  decoupled.step({0.0});
  EXPECT_NE(coupled.get("weight")[0], decoupled.get("weight")[0]);
}

// Steps to 0.5 (x^2 + 100 y^2) < 1e-6 from (1, 1), and how often y changes sign, at the best rate:
// among multiples of 0.0005 up to 0.04 there is none better than these.
struct Descent {
  int steps = 1000, flips = 0;
};

Descent down_the_ravine(const AttrList& attrs) {
  Descent best;
  for (double rate = 0.0155; rate < 0.02; rate += 0.001) {
    Optimizer optimizer({"sgd_step", rate, attrs, {}}, DType::f64, {1.0, 1.0});
    Descent here{.steps = 0};
    for (std::vector<double> w{1.0, 1.0};
         0.5 * (w[0] * w[0] + 100 * w[1] * w[1]) >= 1e-6 && here.steps < best.steps; ++here.steps) {
      optimizer.step({w[0], 100 * w[1]});
      const std::vector<double> next = optimizer.get("weight");
      here.flips += next[1] * w[1] < 0;
      w = next;
    }
    if (here.steps < best.steps) best = here;
  }
  return best;
}

TEST_F(OptimizerStep, momentum_zigzags_less_in_a_ravine) {
  const Descent plain = down_the_ravine({}), heavy = down_the_ravine({{"momentum", 0.9}});
  EXPECT_NEAR(plain.steps, 333, 33);
  EXPECT_LE(heavy.steps, 0.4 * plain.steps);
  EXPECT_LT(heavy.flips, plain.flips);
  RecordProperty("steps", fmt::format("{} {}", plain.steps, heavy.steps));
  RecordProperty("flips", fmt::format("{} {}", plain.flips, heavy.flips));
}

// Two weights whose gradients differ by a factor of 1000.
TEST_F(OptimizerStep, adaptive_rules_step_alike_whatever_a_gradients_scale) {
  const auto ratio = [](std::string_view op) {
    Optimizer optimizer({op, 0.01, {}, {}}, DType::f64, {0.0, 0.0});
    for (int t = 0; t < 50; ++t) {
      const double g = 1 + 0.5 * std::sin(t);
      optimizer.step({g, 1000 * g});
    }
    const std::vector<double> moved = optimizer.get("weight");
    return moved[1] / moved[0];
  };
  for (const char* op : {"adagrad_step", "rmsprop_step", "adam_step"}) {
    EXPECT_GT(ratio(op), 0.5) << op;
    EXPECT_LT(ratio(op), 2) << op;
  }
  EXPECT_NEAR(ratio("sgd_step"), 1000, 1e-6);
}

TEST_F(OptimizerStep, a_state_that_does_not_fit_the_attributes_is_named) {
  Graph graph;
  const Value w = graph.input("w", DType::f32, {3}), g = graph.input("g", DType::f32, {3});
  const Value lr = graph.input("lr", DType::f32, {});
  const auto message = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_NE(message([&] {
              apply("sgd_step", {w, g, Value(), lr}, {{"momentum", 0.9}});
            }).find("momentum_buffer"),
            std::string::npos);
  EXPECT_NE(message([&] {
              apply("adam_step", {w, g, w, w, lr});
            }).find("'step'"),
            std::string::npos);
  const Value wide = graph.input("wide", DType::f64, {3});
  EXPECT_NE(message([&] {
              apply("sgd_step", {w, wide, Value(), lr});
            }).find("'grad'"),
            std::string::npos);
}

class Clip : public OptimizerStep {
 protected:
  static TensorMap clip(std::string_view op, const AttrList& attrs, const std::vector<double>& a,
                        const std::vector<double>& b) {
    Graph graph;
    const auto tensor = [](const std::vector<double>& values) {
      return Tensor::from<double>(DType::f64, {static_cast<int64_t>(values.size())},
                                  std::span<const double>(values));
    };
    const TensorMap inputs{{"a", tensor(a)}, {"b", tensor(b)}};
    const Value va = graph.input("a", DType::f64, inputs.at("a").shape());
    const Value vb = graph.input("b", DType::f64, inputs.at("b").shape());
    const std::vector<Value> outputs = apply(op, {va, vb}, attrs);
    for (size_t i = 0; i < outputs.size(); ++i) graph.output(std::to_string(i), outputs[i]);
    TensorMap states;
    return run_stepwise(graph, inputs, states);
  }
};

TEST_F(Clip, by_norm_over_all_tensors) {
  const TensorMap clipped = clip("clip_grad_norm", {{"max_norm", 1.0}}, {6.0}, {0.0, 8.0});
  EXPECT_EQ(clipped.at("0").item(), 10.0);
  EXPECT_NEAR(clipped.at("1").item(), 0.6, 1e-6);
  EXPECT_NEAR(clipped.at("2").to_doubles()[1], 0.8, 1e-6);
  EXPECT_LE(std::hypot(clipped.at("1").item(), clipped.at("2").to_doubles()[1]), 1.0);
}

TEST_F(Clip, by_norm_leaves_what_is_below_bit_for_bit) {
  const std::vector<double> a{0.1, -0.3}, b{1e-300, 0.7};
  const TensorMap clipped = clip("clip_grad_norm", {{"max_norm", 1.0}}, a, b);
  EXPECT_EQ(clipped.at("1").to_doubles(), a);
  EXPECT_EQ(clipped.at("2").to_doubles(), b);
}

TEST_F(Clip, by_value) {
  const TensorMap clipped = clip("clip_grad_value", {{"clip_value", 1.0}}, {3.0, 0.1}, {-7.0});
  EXPECT_EQ(clipped.at("0").to_doubles(), (std::vector<double>{1.0, 0.1}));
  EXPECT_EQ(clipped.at("1").item(), -1.0);
}

}  // namespace
}  // namespace gradus
