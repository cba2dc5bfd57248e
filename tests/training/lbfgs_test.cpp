// SPDX-License-Identifier: Apache-2.0
#include "training/lbfgs.h"

#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

#include <fmt/format.h>

#include "tests/support/program.h"
#include "tests/training/training_test.h"
#include "training/line_search.h"
#include "training/session.h"

namespace gradus {
namespace {

using Vector = std::vector<double>;
// Gives a function's value at x and its gradient.
using Function = std::function<double(const Vector& x, Vector& gradient)>;

double rosenbrock(const Vector& x, Vector& gradient) {
  double value = 0;
  gradient.assign(x.size(), 0);
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
    value += 100 * a * a + b * b;
    gradient[i] += -400 * a * x[i] - 2 * b;
    gradient[i + 1] += 200 * a;
  }
  return value;
}

double logistic(const Vector& x, Vector& gradient) {
  double value = 0;
  gradient.assign(x.size(), 0);
  for (int i = 0; i < 12; ++i) {
    double logit = x[4];
    Vector point;
    for (int j = 0; j < 4; ++j) {
      point.push_back(((7 * i + 3 * j * j + i * j) % 13) / 6.0 - 1);
      logit += point.back() * x[static_cast<size_t>(j)];
    }
    const double sign = (5 * i) % 3 == 0 ? -1 : 1;
    value += std::log1p(std::exp(sign * logit)) / 12;
    const double slope = sign / (1 + std::exp(-sign * logit)) / 12;
    for (size_t j = 0; j < 4; ++j) gradient[j] += slope * point[j];
    gradient[4] += slope;
  }
  for (size_t j = 0; j < 4; ++j) {
    value += 0.01 * x[j] * x[j];
    gradient[j] += 0.02 * x[j];
  }
  return value;
}

// Two weights that L-BFGS moves down a function.
class Descent {
 public:
  Descent(const LbfgsOptions& options, Function function, const std::vector<Vector>& start,
          DType dtype = DType::f64)
      : function_(std::move(function)), states_(cpu_device()) {
    for (size_t w = 0; w < start.size(); ++w) {
      const std::string name = fmt::format("w{}", w);
      const Shape shape{static_cast<int64_t>(start[w].size())};
      parameters_.add({name, {dtype, shape}, Initialiser::constant(0)});
    }
    declare_lbfgs(options, dtype, parameters_);
    set_first_values(parameters_, 1, states_);
    for (size_t w = 0; w < start.size(); ++w)
      states_.set(
          fmt::format("w{}", w),
          Tensor::from<double>(DType::f64, states_.get(fmt::format("w{}", w)).shape(), start[w])
              .cast(dtype));
    lbfgs_.emplace(options, parameters_, states_);
  }

  double step(double lr) {
    return lbfgs_->step(lr, [&] {
      Vector gradient;
      const double value = function_(weights(), gradient);
      states_.set(lbfgs_gradient, Tensor::from<double>(
                                      DType::f64, {static_cast<int64_t>(gradient.size())}, gradient)
                                      .cast(states_.get(lbfgs_gradient).dtype()));
      ++evaluations_;
      return value;
    });
  }

  Vector weights() const {
    Vector all;
    for (const Parameter& parameter : parameters_.all()) {
      if (parameter.role != ParameterRole::weight) continue;
      const Vector values = states_.get(parameter.name).to_doubles();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  StateStore& states() { return states_; }
  int evaluations() const { return evaluations_; }

 private:
  Function function_;
  ParameterTable parameters_;
  StateStore states_;
  std::optional<Lbfgs> lbfgs_;
  int evaluations_ = 0;
};

const std::vector<Vector> valley = {{-1.2, 1, -1.2, 1}, {-1.2, 1}};
const std::vector<Vector> origin = {{0, 0, 0, 0}, {0}};

Vector numbers_of(std::istream& stream) {
  std::string line;
  std::getline(stream, line);
  std::istringstream words(line);
  return {std::istream_iterator<double>(words), {}};
}

void expect_near(const Vector& got, const Vector& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-9 * std::max(1.0, std::abs(expected[i]))) << what << i;
}

// tests/suites/lbfgs_cases.py has stored what torch.optim.LBFGS makes of the same.
TEST(Lbfgs, TwentyStepsEqualThoseOfPyTorch) {
  struct Case {
    double lr;
    LbfgsOptions options;
  };
  const Case cases[] = {
      {1, {.max_iter = 2, .max_eval = 2, .history_size = 3, .strong_wolfe = true}},
      {1, {.max_iter = 3, .max_eval = 3, .strong_wolfe = true}},
      {0.001, {.max_iter = 4, .max_eval = 5, .history_size = 5}},
      {0.5, {.max_iter = 2, .max_eval = 2, .history_size = 2}},
      {1, {.strong_wolfe = true}},
      {1, {.max_iter = 1, .max_eval = 1, .history_size = 4}}};
  std::ifstream stored(testing::source_path("tests/vectors/lbfgs.txt"));
  std::string name;
  size_t done = 0;
  for (const Case& one : cases) {
    ASSERT_TRUE(std::getline(stored, name));
    const bool is_valley = name == "rosenbrock";
    Descent descent(one.options, is_valley ? rosenbrock : logistic, is_valley ? valley : origin);
    Vector losses;
    for (int step = 0; step < 20; ++step) losses.push_back(descent.step(one.lr));
    const std::string what = fmt::format("case {} ({}): ", done++, name);
    expect_near(losses, numbers_of(stored), what + "loss ");
    expect_near(descent.weights(), numbers_of(stored), what + "weight ");
  }
}

// A step is the same when all that is kept comes from a copy of the states.
TEST(Lbfgs, ItsStatesAreAllThatItRemembers) {
  const LbfgsOptions options{.max_iter = 3, .max_eval = 5, .history_size = 4, .strong_wolfe = true};
  Descent one(options, rosenbrock, valley), other(options, rosenbrock, valley);
  for (int step = 0; step < 7; ++step) one.step(1);
  for (const auto& [name, tensor] : one.states().all()) other.states().set(name, tensor);
  for (int step = 0; step < 5; ++step) EXPECT_EQ(one.step(1), other.step(1));
  EXPECT_EQ(one.weights(), other.weights());
}

TEST(Lbfgs, ComesToTheMinimumInBothTypes) {
  for (const DType dtype : {DType::f64, DType::f32}) {
    const LbfgsOptions options{
        .tolerance_grad = 1e-10, .tolerance_change = 0, .strong_wolfe = true};
    Descent descent(options, rosenbrock, valley, dtype);
    for (int step = 0; step < 12; ++step) descent.step(1);
    for (const double x : descent.weights()) EXPECT_NEAR(x, 1, dtype == DType::f64 ? 1e-7 : 2e-2);
    const int before = descent.evaluations();
    descent.step(1);
    EXPECT_LE(descent.evaluations() - before, 25);
  }
}

TEST(Lbfgs, ClimbsAndRefusesStatesOfAnother) {
  const Function hill = [](const Vector& x, Vector& gradient) {
    const double value = rosenbrock(x, gradient);
    for (double& slope : gradient) slope = -slope;
    return -value;
  };
  const LbfgsOptions down{.max_iter = 3, .max_eval = 5, .strong_wolfe = true};
  LbfgsOptions up = down;
  up.maximize = true;
  Descent descent(down, rosenbrock, valley), climb(up, hill, valley);
  for (int step = 0; step < 6; ++step) EXPECT_EQ(descent.step(1), -climb.step(1));
  EXPECT_EQ(descent.weights(), climb.weights());
  for (const Vector& numbers :
       {Vector{1, 1, 101, 0, 1, 1}, Vector{1, 1, 2, 100, 1, 1}, Vector{1, 1, -1, 0, 1, 1},
        Vector{1, 1, 0.5, 0, 1, 1}, Vector{NAN, 1, 0, 0, 1, 1}}) {
    descent.states().set("optimizer.lbfgs.numbers", Tensor::from<double>(DType::f64, {6}, numbers));
    EXPECT_THROW(descent.step(1), Error);
  }
}

TEST(LineSearch, MeetsTheStrongWolfeConditions) {
  const auto search = [](const std::function<double(double)>& f, double t) {
    const auto at = [&](double x, int place) {
      constexpr double h = 1e-6;
      return LinePoint{x, f(x), (f(x + h) - f(x - h)) / (2 * h), place};
    };
    const LinePoint start = at(0, 0);
    const LinePoint found = strong_wolfe(at, start, t, {}).point;
    EXPECT_LE(found.value, start.value + 1e-4 * found.t * start.slope);
    EXPECT_LE(std::abs(found.slope), -0.9 * start.slope);
    return found.t;
  };
  for (const double t : {1e-4, 0.01, 0.3, 1.0, 30.0, 1e4}) {
    search([](double x) { return (x - 2) * (x - 2); }, t);
    // From 1e4, where it is flat, the safeguards end at no such point, and PyTorch's neither.
    search([](double x) { return -x / (x * x + 2); }, std::min(t, 30.0));
    search([](double x) { return std::cosh(x - 1) - x; }, std::min(t, 300.0));
    // No number beyond 1.
    EXPECT_LT(search([](double x) { return -std::log(1 - x) - 3 * x; }, t), 1);
  }
}

class LbfgsTest : public TrainingTest {};

TEST_F(LbfgsTest, TrainsAModelOnAWholeSet) {
  const Recipe what = recipe({"optimizer.name=lbfgs", "optimizer.line_search_fn=strong_wolfe",
                              "batch=full", "steps=4", "model.activation=tanh"});
  const TrainingResult result = train(what, folder_.file("run"));
  EXPECT_LT(result.loss, 0.1);
  set_thread_count(2);
  train(what, folder_.file("two"));
  EXPECT_EQ(contents(folder_.file("run/metrics.jsonl")),
            contents(folder_.file("two/metrics.jsonl")));
  EXPECT_EQ(contents(folder_.file("run/final.safetensors")),
            contents(folder_.file("two/final.safetensors")));
}

TEST_F(LbfgsTest, FrozenWeightsStay) {
  TrainingSession session(recipe({"optimizer.name=lbfgs", "freeze.match=fc1.*", "steps=2"}));
  const auto of = [&](const char* name) { return session.states().get(name).to_doubles(); };
  const Vector frozen = of("fc1.weight"), other = of("fc2.weight");
  for (int64_t step = 1; step <= 2; ++step) session.run_step(step);
  EXPECT_EQ(of("fc1.weight"), frozen);
  EXPECT_NE(of("fc2.weight"), other);
}

TEST_F(LbfgsTest, SaysWhatDoesNotGoWithIt) {
  for (const char* setting :
       {"accumulate=2", "precision=f16", "guard.policy=skip", "average.name=ema", "mix.mixup=0.2",
        "mix.cutmix=1", "clip=1", "clip_value=1", "noise.gradient=0.1", "penalty.l1=1e-4",
        "penalty.l2=1e-4", "optimizer.weight_decay=0.1", "sam.rho=0.1", "optimizer.layer_decay=0.5",
        "lookahead.every=2"}) {
    const std::string key = std::string(setting).substr(0, std::string(setting).find('='));
    EXPECT_EQ(refusal(recipe({"optimizer.name=lbfgs", "steps=1", setting}), folder_.file("run"),
                      fmt::format("[{}] does not go with optimizer.name=lbfgs", key)),
              ErrorKind::invalid_argument)
        << setting;
  }
}

}  // namespace
}  // namespace gradus
