// SPDX-License-Identifier: Apache-2.0
// A step in parts is the step of the whole batch: also where the parts weigh differently, and for
// the guard.
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "ops/all_ops.h"
#include "training/program.h"

namespace gradus {
namespace {

constexpr int64_t batch = 12, width = 5, classes = 4;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Value plain_model(Place& place, Value x) {
  x = activation_layer(linear_layer(place, "fc1", x, 7), "tanh");
  return linear_layer(place, "head", x, classes);
}

Value model_with_statistics(Place& place, Value x) {
  x = activation_layer(batch_norm_layer(place, "bn", linear_layer(place, "fc1", x, 7)), "tanh");
  return linear_layer(place, "head", x, classes);
}

// The program of a network in f64 in `parts` parts, on batches that depend on the step alone.
class Net {
 public:
  Net(const Model& model, const BatchSpec& whole, const Optimizer& rule, int64_t parts)
      : whole_(whole), parts_(parts), states_(cpu_device()), arena_(cpu_device()) {
    register_all_ops();
    BatchSpec spec = whole;
    spec.batch /= parts;
    if (parts > 1)
      accumulation_.emplace(accumulation_graph(model, spec, DType::f64, rule, parameters_, {parts}),
                            states_, arena_);
    update_.emplace(training_graph(model, spec, DType::f64, rule, 0.7, parameters_, {parts}),
                    states_, arena_);
    set_first_values(parameters_, 3, states_);
  }

  // The step's loss. `change` sees inputs and targets of the whole batch.
  template <class Change>
  double run(int64_t step, const Change& change) {
    const int64_t rows = whole_.batch / parts_;
    Tensor inputs(DType::f64, {whole_.batch, width});
    Tensor targets(whole_.numbers ? DType::f64 : DType::i64,
                   batch_shape(whole_.batch, whole_.target));
    for (int64_t i = 0; i < inputs.numel(); ++i)
      inputs.data_as<double>()[i] = std::sin(static_cast<double>(13 * step + 7 * i));
    for (int64_t i = 0; i < targets.numel(); ++i) {
      if (whole_.numbers)
        targets.data_as<double>()[i] = std::cos(static_cast<double>(5 * step + 3 * i));
      else
        targets.data_as<int64_t>()[i] = (i * i / 3 + step) % classes;
    }
    change(inputs, targets);
    double loss = 0;
    for (int64_t part = 0; part < parts_; ++part) {
      Executable& program = part + 1 < parts_ ? *accumulation_ : *update_;
      copy_rows(inputs, part * rows, program.input("input"));
      copy_rows(targets, part * rows, program.input("target"));
      if (part + 1 == parts_) {
        program.set_input("lr", 0.05);
        program.set_input("step", static_cast<double>(step));
        if (limit > 0) {
          program.set_input("loss_limit", limit);
          program.set_input("norm_limit", 1e30);
        }
      }
      program.run();
      loss = program.output("loss").item();
    }
    return loss;
  }
  double run(int64_t step) {
    return run(step, [](Tensor&, Tensor&) {});
  }
  bool skipped() { return update_->output("skipped").item() != 0; }

  // Weights, statistics and the rule's memory; not the sums of the parts.
  std::map<std::string, std::vector<double>> values() const {
    std::map<std::string, std::vector<double>> all;
    for (const auto& [name, state] : states_.all())
      if (!name.starts_with(running_sum_prefix) && !name.starts_with(kept_name("")))
        all[name] = state.to_doubles();
    return all;
  }

  double limit = 0;

 private:
  static void copy_rows(const Tensor& from, int64_t row, Tensor to) {
    const int64_t bytes = to.bytes() / to.shape()[0];
    std::memcpy(to.data(), from.data_as<char>() + row * bytes, static_cast<size_t>(to.bytes()));
  }

  BatchSpec whole_;
  int64_t parts_;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  std::optional<Executable> accumulation_, update_;
};

BatchSpec classes_spec() { return {batch, {width}, {}, false}; }

void expect_near(const Net& a, const Net& b, double most) {
  const auto mine = a.values(), others = b.values();
  ASSERT_EQ(mine.size(), others.size());
  for (const auto& [name, values] : mine)
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], others.at(name)[i], most) << name << " " << i;
}

// Trains whole and in parts and compares losses and everything that is kept.
template <class Change>
void expect_same_training(const BatchSpec& spec, const Optimizer& rule, const Change& change) {
  for (const int64_t parts : {2, 3, 12}) {
    Net split(plain_model, spec, rule, parts), whole(plain_model, spec, rule, 1);
    for (int64_t step = 1; step <= 6; ++step)
      EXPECT_NEAR(split.run(step, change), whole.run(step, change), 1e-12) << parts << " " << step;
    expect_near(split, whole, 1e-12);
  }
}

TEST(WholeStep, ClassWeightsAreThoseOfTheWholeBatch) {
  BatchSpec spec = classes_spec();
  spec.class_weights = {0.1, 2, 5, 0.7};
  Optimizer rule = make_optimizer("adamw", 0.02);
  expect_same_training(spec, rule, [](Tensor&, Tensor&) {});
  rule.regularisation.label_smoothing = 0.1;
  expect_same_training(spec, rule, [](Tensor&, Tensor&) {});
}

// Of the parts of one sample each some have no target at all.
TEST(WholeStep, TargetsThatCountNothingMayLieAnywhere) {
  const auto ignore = [](Tensor&, Tensor& targets) {
    for (const int64_t i : {0, 1, 2, 3, 7}) targets.data_as<int64_t>()[i] = no_target;
  };
  expect_same_training(classes_spec(), make_optimizer("momentum"), ignore);
  BatchSpec spec = classes_spec();
  spec.class_weights = {3, 0.5, 1, 2};
  expect_same_training(spec, make_optimizer("momentum"), ignore);
}

TEST(WholeStep, NumbersToo) {
  BatchSpec spec{batch, {width}, {classes}, false, true};
  expect_same_training(spec, make_optimizer("adam"), [](Tensor&, Tensor&) {});
}

TEST(WholeStep, EveryLoss) {
  const auto none = [](Tensor&, Tensor&) {};
  for (const char* op : {"rmse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"}) {
    SCOPED_TRACE(op);
    BatchSpec spec{batch, {width}, {classes}, false, true};
    spec.loss.op = op;
    expect_same_training(spec, make_optimizer("momentum"), none);
  }
  for (const char* op : {"focal_loss", "mse_loss"}) {
    SCOPED_TRACE(op);
    BatchSpec spec = classes_spec();
    spec.class_weights = {0.1, 2, 5, 0.7};
    spec.loss.op = op;
    expect_same_training(spec, make_optimizer("momentum"), none);
  }
}

// The test would see a mean over the parts' own weights.
TEST(WholeStep, TheMeanOfThePartsMeansIsAnotherLoss) {
  BatchSpec spec = classes_spec();
  spec.class_weights = {0.1, 2, 5, 0.7};
  const Optimizer rule = make_optimizer("sgd");
  Net whole(plain_model, spec, rule, 1);
  double mean = 0;
  for (int64_t part = 0; part < 3; ++part) {
    BatchSpec third = spec;
    third.batch = 4;
    Net alone(plain_model, third, rule, 1);
    mean += alone.run(1, [&](Tensor& inputs, Tensor& targets) {
      for (int64_t i = 0; i < inputs.numel(); ++i)
        inputs.data_as<double>()[i] =
            std::sin(static_cast<double>(13 + 7 * (i + part * inputs.numel())));
      for (int64_t i = 0; i < 4; ++i)
        targets.data_as<int64_t>()[i] = ((i + 4 * part) * (i + 4 * part) / 3 + 1) % classes;
    });
  }
  EXPECT_GT(std::fabs(mean / 3 - whole.run(1)), 1e-3);
}

Optimizer guarded() {
  Optimizer rule = make_optimizer("adam");
  rule.guarded = true;
  return rule;
}

// Only the first part is far off: the last one alone would pass.
TEST(WholeStep, TheGuardJudgesAllOfIt) {
  const auto spike = [](Tensor& inputs, Tensor&) {
    for (int64_t i = 0; i < 4 * width; ++i) inputs.data_as<double>()[i] = i % 2 == 0 ? 50 : -50;
  };
  for (const int64_t parts : {1, 3}) {
    Net net(plain_model, classes_spec(), guarded(), parts),
        probe(plain_model, classes_spec(), guarded(), parts);
    net.limit = probe.limit = 1e30;
    net.run(1);
    probe.run(1);
    const double loss = probe.run(2, spike);
    const auto before = net.values();
    net.limit = loss * 0.999;
    EXPECT_NEAR(net.run(2, spike), loss, 1e-12);
    EXPECT_TRUE(net.skipped()) << parts;
    EXPECT_EQ(net.values(), before) << parts;
    net.limit = 1e30;
    net.run(3, [&](Tensor& inputs, Tensor&) {
      for (int64_t i = 0; i < inputs.numel(); ++i) inputs.data_as<double>()[i] = 0;
    });
    EXPECT_FALSE(net.skipped()) << parts;
    EXPECT_NE(net.values(), before) << parts;
  }
}

// A part that is not finite leaves nothing behind, wherever it is: no weight, no moment, no running
// statistic of the parts before or behind, and nothing in the next step.
TEST(WholeStep, ALostPartLeavesNoTrace) {
  for (int64_t bad = 0; bad < 3; ++bad) {
    Net net(model_with_statistics, classes_spec(), guarded(), 3);
    Net clean(model_with_statistics, classes_spec(), guarded(), 3);
    net.limit = clean.limit = 1e30;
    net.run(1);
    clean.run(1);
    const auto before = net.values();
    net.run(2, [&](Tensor& inputs, Tensor&) { inputs.data_as<double>()[bad * 4 * width] = nan; });
    EXPECT_TRUE(net.skipped()) << bad;
    EXPECT_EQ(net.values(), before) << bad;
    EXPECT_EQ(net.run(3), clean.run(3)) << bad;
    EXPECT_EQ(net.values(), clean.values()) << bad;
  }
}

}  // namespace
}  // namespace gradus
