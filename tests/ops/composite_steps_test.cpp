// SPDX-License-Identifier: Apache-2.0
// The update rules made of other ops, against torch.optim (2.x, CPU, f64) over 20 steps.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

struct Rule {
  std::string_view op;
  double lr;
  AttrList attrs;
  std::vector<double> after_twenty;
};

// Weights (0.5, -1.25, 2, 0.125); the gradient of weight k at step t (from 0) is
// (k + 1) * w - t / 4. torch.set_default_dtype(float64): NAdam keeps its product in that.
const std::vector<Rule>& rules() {
  static const std::vector<Rule> list{
      {"adadelta_step",
       1.0,
       {},
       {0.64301646216899555, -1.1425320407988313, 1.9554111235796168, 0.263908145690888}},
      {"adadelta_step",
       0.5,
       {{"rho", 0.8}, {"eps", 0.001}, {"weight_decay", 0.1}, {"maximize", true}},
       {-1.3010552195332004, -2.7047795475353622, 2.7239745774148343, -1.7045816729720247}},
      {"adamax_step",
       0.05,
       {},
       {0.81243096481217925, -0.38182466827184242, 1.3663969126776527, 0.54169891343611787}},
      {"adamax_step",
       0.05,
       {{"beta1", 0.8}, {"beta2", 0.9}, {"eps", 0.001}, {"weight_decay", 0.1}, {"maximize", true}},
       {0.15125429763285209, -2.1081937436844154, 3.0534559794000535, 1.3154001260639754}},
      {"nadam_step",
       0.05,
       {},
       {1.4520375598043311, -0.26956403237335635, 1.4554681642124934, 0.97236579704999759}},
      {"nadam_step",
       0.05,
       {{"beta1", 0.8},
        {"beta2", 0.9},
        {"eps", 0.001},
        {"weight_decay", 0.1},
        {"momentum_decay", 0.1},
        {"decoupled_weight_decay", true},
        {"maximize", true}},
       {-0.43808204294500069, -2.1793053842064221, 2.6344358338449996, -0.57739709778864046}},
      {"nadam_step",
       0.05,
       {{"weight_decay", 0.2}},
       {1.4067040066090779, -0.28116130603808603, 1.4348775167012291, 0.95055936981680622}},
      {"radam_step",
       0.05,
       {},
       {0.49269662965854283, -0.57736728381795066, 0.78544807139475747, 0.13335965180720058}},
      {"radam_step",
       0.05,
       {{"beta1", 0.8},
        {"beta2", 0.9},
        {"eps", 0.001},
        {"weight_decay", 0.1},
        {"decoupled_weight_decay", true},
        {"maximize", true}},
       {0.079184524742586249, -2.2849259506755648, 3.7786920107947388, -0.22673725462411148}},
      {"radam_step",
       0.05,
       {{"beta1", 0.8}, {"beta2", 0.5}, {"weight_decay", 0.2}},
       {1.5309409357360775, 1.2455307181852917, 0.88440483008299564, 0.88855174625269651}},
  };
  return list;
}

// One weight tensor under a rule.
class Descent {
 public:
  Descent(const Rule& rule, DType dtype, const std::vector<double>& weights) : dtype_(dtype) {
    const OpDef& def = get_op(rule.op);
    std::vector<Value> inputs;
    for (const InputSpec& spec : def.inputs) {
      const bool number = spec.name == "lr" || spec.name == "step" || spec.name == "mu_product";
      const Shape shape = number ? Shape{} : Shape{static_cast<int64_t>(weights.size())};
      const bool given = spec.name != "scale" && spec.name != "skip";
      inputs.push_back(given ? graph_.input(spec.name, dtype, shape) : Value());
      if (given) tensors_[std::string(spec.name)] = Tensor::zeros(dtype, shape);
    }
    const std::vector<Value> outputs = graph_.apply(def, inputs, rule.attrs);
    for (size_t i = 0; i < outputs.size(); ++i) graph_.output(def.outputs[i], outputs[i]);
    if (rule.op == "nadam_step") set("mu_product", {1});
    set("weight", weights);
    set("lr", {rule.lr});
  }

  void set(std::string_view name, const std::vector<double>& values) {
    Tensor& tensor = tensors_.find(name)->second;
    tensor = Tensor::from<double>(DType::f64, tensor.shape(), std::span<const double>(values))
                 .cast(dtype_);
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
  DType dtype_;
  Graph graph_;
  TensorMap tensors_;
  int steps_ = 0;
};

std::vector<double> after_twenty(const Rule& rule, DType dtype) {
  Descent descent(rule, dtype, {0.5, -1.25, 2.0, 0.125});
  for (int t = 0; t < 20; ++t) {
    std::vector<double> gradient = descent.get("weight");
    for (size_t k = 0; k < gradient.size(); ++k)
      gradient[k] = static_cast<double>(k + 1) * gradient[k] - 0.25 * t;
    descent.step(gradient);
  }
  return descent.get("weight");
}

class TwentySteps : public testing::TestWithParam<size_t> {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }
  static void expect_torchs(DType dtype, double tolerance) {
    const Rule& rule = rules()[GetParam()];
    const std::vector<double> got = after_twenty(rule, dtype);
    ASSERT_EQ(got.size(), rule.after_twenty.size());
    for (size_t k = 0; k < got.size(); ++k) {
      const double expected = rule.after_twenty[k];
      EXPECT_NEAR(got[k], expected, tolerance * std::max(1.0, std::fabs(expected))) << k;
    }
  }
};

TEST_P(TwentySteps, EqualTorchInF64) { expect_torchs(DType::f64, 1e-12); }
TEST_P(TwentySteps, EqualTorchInF32) { expect_torchs(DType::f32, 2e-6); }

INSTANTIATE_TEST_SUITE_P(Rules, TwentySteps, testing::Range<size_t>(0, rules().size()));

TEST(LionStep, MovesByItsRateAlongTheSignOfTheMixture) {
  register_all_ops();
  const Rule rule{"lion_step", 0.1, {{"weight_decay", 0.5}}, {}};
  Descent descent(rule, DType::f64, {2, -1, 3});
  descent.step({5, -0.01, 0});  // signs 1, -1, 0
  EXPECT_EQ(descent.get("weight"),
            (std::vector<double>{2 * 0.95 - 0.1, -1 * 0.95 + 0.1, 3 * 0.95}));
  const std::vector<double> m = descent.get("exp_avg");
  EXPECT_NEAR(m[0], 0.05, 1e-15);
  // 0.9 * 0.05 - 0.1 * 0.4 is above 0: the momentum still decides.
  const double before = descent.get("weight")[0];
  descent.step({-0.4, 0, 0});
  EXPECT_NEAR(descent.get("weight")[0], before * 0.95 - 0.1, 1e-15);
  EXPECT_NEAR(descent.get("exp_avg")[0], 0.99 * 0.05 - 0.01 * 0.4, 1e-15);
}

}  // namespace
}  // namespace gradus
