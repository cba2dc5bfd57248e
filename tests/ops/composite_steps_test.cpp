// SPDX-License-Identifier: Apache-2.0
// The update rules made of other ops, against torch.optim (2.x, CPU, f64) over 20 steps, or 100.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

struct Rule {
  std::string_view op;
  double lr;
  AttrList attrs;
  std::vector<double> expected;
  int steps = 20;
  Shape shape = {4};
};

// Weights (0.5, -1.25, 2, 0.125, -0.75, 1.5), as many as there are; the gradient of weight k at
// step t (from 0) is (k + 1) * w - t / 4. torch.set_default_dtype(float64): NAdam keeps its product
// in that. Of Muon the iteration is in f64 too, where PyTorch rounds to bf16.
const std::vector<Rule> rules = {
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

// Over 100 steps, in f64 alone: these paths multiply what f32 rounds off.
const std::vector<Rule> long_rules = {
    {"adadelta_step",
     1.0,
     {},
     {3.6237525299484137, 0.10788081595243088, 2.501964804078995, 2.6906435597203231},
     100,
     {4}},
    {"adamax_step",
     0.05,
     {},
     {4.1342498034221791, 3.1190292146818166, 4.11813121831422, 4.0194555869529696},
     100,
     {4}},
    {"nadam_step",
     0.05,
     {},
     {7.7211662740080751, 5.1902785737627752, 6.0404208279853195, 5.8277285259238276},
     100,
     {4}},
    {"radam_step",
     0.05,
     {},
     {1.4259312437828264, 0.32234192254805022, 1.6958905785864375, 1.0546851276206877},
     100,
     {4}},
    {"sgd_step",
     0.05,
     {},
     {20.032562910711835, 11.25, 7.7777780013294375, 5.9375000000891207},
     100,
     {4}},
    {"sgd_step",
     0.05,
     {{"momentum", 0.9}},
     {24.497160796332167, 12.369463690969779, 8.2719912061922543, 6.2176889804046489},
     100,
     {4}},
    {"muon_step",
     0.05,
     {},
     {2.7228905850898069, 1.5145047655130699, 2.1199667239546347, 1.6982722170436384,
      1.5977272317033919, 1.4846070779378691},
     100,
     {3, 2}},
    {"muon_step",
     0.02,
     {{"weight_decay", 0.1},
      {"momentum", 0.8},
      {"nesterov", false},
      {"ns_steps", 3},
      {"adjust_lr_fn", "match_rms_adamw"},
      {"eps", 1e-3},
      {"ns_coefficients", AttrValue::Reals{1.5, -0.5, 0.1}}},
     {0.68231212948878861, -0.67106254087752937, 1.7718692571773627, 0.3525286171980932,
      -0.2253489719286258, 1.1898942973922795},
     100,
     {2, 3}},
    {"muon_step",
     0.05,
     {{"weight_decay", 0.05}, {"adjust_lr_fn", "spectral_unclamped"}},
     {1.5251524380813659, 0.45043732035334805, 1.8771159845927026, 0.83158390814809924,
      0.55164792064324142, 1.1835463899885945},
     100,
     {2, 3}},
    {"adafactor_step",
     0.05,
     {},
     {19.344335519530848, 11.869568226494525, 8.253869375904479, 6.2241914451747329,
      4.9659997769300315, 4.1529679114061668},
     100,
     {3, 2}},
    {"adafactor_step",
     0.02,
     {{"beta2_decay", -0.5},
      {"eps1", 1e-3},
      {"eps2", 0.1},
      {"d", 1.5},
      {"weight_decay", 0.1},
      {"maximize", true}},
     {-4.6422128560613185, -6.0044694525723203, -4.4004710317925424, -5.2855289600232691,
      -5.9980335288803364, 3.5589204135013417},
     100,
     {2, 3}},
    {"adafactor_step",
     0.05,
     {{"weight_decay", 0.01}},
     {19.025265728101374, 11.813287278025737, 8.2455996264026634, 6.2214851305807963,
      4.9633026743089088, 4.1518673439891769},
     100,
     {1, 3, 2}},
    {"adafactor_step",
     0.01,
     {},
     {1.8690654967471454, 0.056893594135624087, 2.9728998147892822, 1.4895710557418789},
     100,
     {4}},
};

// One weight tensor under a rule.
class Descent {
 public:
  Descent(const Rule& rule, DType dtype, const std::vector<double>& weights) : dtype_(dtype) {
    const OpDef& def = get_op(rule.op);
    std::vector<Value> inputs;
    for (const InputSpec& spec : def.inputs) {
      const std::optional<Shape> shape = shape_of(spec.name, rule);
      inputs.push_back(shape ? graph_.input(spec.name, dtype, *shape) : Value());
      if (shape) tensors_[std::string(spec.name)] = Tensor::zeros(dtype, *shape);
    }
    const std::vector<Value> outputs = graph_.apply(def, inputs, rule.attrs);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i]) graph_.output(def.outputs[i], outputs[i]);
    if (rule.op == "nadam_step") set("mu_product", {1});
    set("weight", weights);
    set("lr", {rule.lr});
  }
  // Of an input; none: it is not given.
  static std::optional<Shape> shape_of(std::string_view name, const Rule& rule) {
    Shape weight = rule.shape;
    const int rank = weight.rank();
    if (name == "scale" || name == "skip") return {};
    if (name == "momentum_buffer" && rule.op == "sgd_step" && rule.attrs.empty()) return {};
    if (name == "lr" || name == "step" || name == "mu_product") return Shape{};
    if (name == "variance") return rank < 2 ? std::optional(weight) : std::nullopt;
    if (name != "row_var" && name != "col_var") return weight;
    if (rank < 2) return {};
    weight[name == "row_var" ? rank - 1 : rank - 2] = 1;
    return weight;
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

std::vector<double> after_steps(const Rule& rule, DType dtype) {
  std::vector<double> weights{0.5, -1.25, 2.0, 0.125, -0.75, 1.5};
  weights.resize(static_cast<size_t>(rule.shape.numel()));
  Descent descent(rule, dtype, weights);
  for (int t = 0; t < rule.steps; ++t) {
    std::vector<double> gradient = descent.get("weight");
    for (size_t k = 0; k < gradient.size(); ++k)
      gradient[k] = static_cast<double>(k + 1) * gradient[k] - 0.25 * t;
    descent.step(gradient);
  }
  return descent.get("weight");
}

class ManySteps : public testing::TestWithParam<size_t> {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }
  static void expect_torchs(const Rule& rule, DType dtype, double tolerance) {
    const std::vector<double> got = after_steps(rule, dtype);
    ASSERT_EQ(got.size(), rule.expected.size());
    for (size_t k = 0; k < got.size(); ++k) {
      const double expected = rule.expected[k];
      EXPECT_NEAR(got[k], expected, tolerance * std::max(1.0, std::fabs(expected))) << k;
    }
  }
};

TEST_P(ManySteps, EqualTorchInF64) { expect_torchs(rules[GetParam()], DType::f64, 1e-12); }
TEST_P(ManySteps, EqualTorchInF32) { expect_torchs(rules[GetParam()], DType::f32, 2e-6); }

INSTANTIATE_TEST_SUITE_P(Rules, ManySteps, testing::Range<size_t>(0, rules.size()));

class HundredSteps : public ManySteps {};
TEST_P(HundredSteps, EqualTorchInF64) { expect_torchs(long_rules[GetParam()], DType::f64, 1e-11); }
INSTANTIATE_TEST_SUITE_P(Rules, HundredSteps, testing::Range<size_t>(0, long_rules.size()));

TEST(LionStep, MovesByItsRateAlongTheSignOfTheMixture) {
  register_all_ops();
  const Rule rule{"lion_step", 0.1, {{"weight_decay", 0.5}}, {}, 1, {3}};
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
