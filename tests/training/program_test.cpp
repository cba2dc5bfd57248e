// SPDX-License-Identifier: Apache-2.0
#include "training/program.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/io/safetensors.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "training/averages.h"
#include "training/sample_mixing.h"
#include "training/weights.h"

namespace gradus {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t batch = 6, classes = 3;

Value small_model(Place& place, Value x) {
  x = activation_layer(batch_norm_layer(place, "bn", linear_layer(place, "fc1", x, 5)), "tanh");
  return linear_layer(place, "head", x, classes);
}

Tensor numbers(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(DType::f64, shape, values);
}

// The training program of a small network in f64 on a batch that stays.
class Net {
 public:
  explicit Net(const Optimizer& rule) : states_(cpu_device()), arena_(cpu_device()) {
    register_all_ops();
    program_.emplace(
        training_graph(small_model, {batch, {4}, {}, false}, DType::f64, rule, 0, parameters_),
        states_, arena_);
    set_first_values(parameters_, 1, states_);
    std::vector<double> values(batch * 4);
    for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(7 * i + 1));
    input = numbers({batch, 4}, values);
    const int64_t labels[] = {0, 1, 2, 2, 1, 0};
    target = Tensor::from<int64_t>(DType::i64, {batch}, labels);
  }

  void set(std::string_view name, double value) { program_->set_input(name, numbers({}, {value})); }
  double run() {
    ++step_;
    program_->set_input("input", input);
    program_->set_input("target", target);
    set("lr", 0.1);
    set("step", static_cast<double>(step_));
    program_->run();
    return program_->output("loss").item();
  }
  double output(std::string_view name) { return program_->output(name).item(); }
  Executable& program() { return *program_; }
  ParameterTable& parameters() { return parameters_; }
  StateStore& states() { return states_; }
  std::map<std::string, std::vector<double>> values() const {
    std::map<std::string, std::vector<double>> all;
    for (const auto& [name, tensor] : states_.all()) all[name] = tensor.to_doubles();
    return all;
  }

  Tensor input, target;

 private:
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  std::optional<Executable> program_;
  int64_t step_ = 0;
};

Optimizer guarded() {
  Optimizer rule = make_optimizer("adamw", 0.1);
  rule.guarded = true;
  return rule;
}

TEST(Guard, LeavesEverythingAsItIsWhereTheLossIsNotFinite) {
  Net net(guarded()), plain(make_optimizer("adamw", 0.1));
  const auto run = [&](double limit) {
    net.set("loss_limit", limit);
    net.set("norm_limit", 1e38);
    return net.run();
  };
  run(1e38);
  EXPECT_EQ(net.output("skipped"), 0);
  plain.run();
  EXPECT_EQ(net.values(), plain.values());  // the same bits as without a guard
  const auto before = net.values();
  const Tensor good = net.input;
  for (const double bad : {nan, std::numeric_limits<double>::infinity()}) {
    std::vector<double> values = good.to_doubles();
    values[5] = bad;
    net.input = numbers({batch, 4}, values);
    EXPECT_FALSE(std::isfinite(run(1e38)));
    EXPECT_EQ(net.output("skipped"), 1);
    EXPECT_EQ(net.values(), before);  // weights, moments and running statistics
  }
  net.input = good;
  EXPECT_TRUE(std::isfinite(run(1e38)));
  EXPECT_NE(net.values(), before);
}

TEST(Guard, LeavesOutWhatIsAboveALimit) {
  Net net(guarded());
  const auto before = net.values();
  net.set("loss_limit", 1e-3);
  net.set("norm_limit", 1e38);
  EXPECT_GT(net.run(), 1e-3);
  EXPECT_EQ(net.values(), before);
  net.set("loss_limit", 1e38);
  net.set("norm_limit", 1e-6);
  net.run();
  EXPECT_GT(net.output("grad_norm"), 1e-6);
  EXPECT_EQ(net.values(), before);
}

Recipe recipe(const std::vector<std::string>& settings) {
  return parse_recipe("", "test", settings);
}

TEST(Averages, FollowTheirSharesByHand) {
  for (const std::vector<std::string>& settings :
       {std::vector<std::string>{"average.name=ema", "average.decay=0.9", "average.start=3"},
        {"average.name=ema", "average.decay=0.9", "average.rising=true"},
        {"average.name=swa", "average.start=4", "average.every=2"}}) {
    const Averaging averaging = make_averaging(recipe(settings), 12, 5);
    Optimizer rule = make_optimizer("sgd");
    rule.averaged = true;
    rule.frozen = {"fc1.weight"};
    Net net(rule);
    std::map<std::string, std::vector<double>> expected;
    for (int64_t step = 1; step <= 12; ++step) {
      net.set("average_share", averaging.share(step));
      net.run();
      for (const char* name : {"head.weight", "bn.running_var", "bn.bias"}) {
        const std::vector<double> now = net.states().get(name).to_doubles();
        std::vector<double>& average = expected[name];
        average.resize(now.size());
        for (size_t i = 0; i < now.size(); ++i)
          average[i] += (now[i] - average[i]) * averaging.share(step);
        EXPECT_EQ(net.states().get(average_name(name)).to_doubles(), average) << name << step;
      }
    }
    EXPECT_FALSE(net.states().contains("ema.fc1.weight"));
  }
}

TEST(Averages, HaveTheirShares) {
  const Averaging ema{.form = Averaging::Form::ema, .decay = 0.9, .start = 3};
  EXPECT_EQ(ema.share(1), 1);
  EXPECT_EQ(ema.share(3), 1);
  EXPECT_DOUBLE_EQ(ema.share(4), 0.1);
  const Averaging rising{.form = Averaging::Form::ema, .decay = 0.5, .rising = true};
  EXPECT_DOUBLE_EQ(rising.share(2), 1 - 2.0 / 11);
  EXPECT_DOUBLE_EQ(rising.share(100), 0.5);
  // With these shares the average of steps 4, 6, 8, ... is that of their weights.
  const Averaging swa{.form = Averaging::Form::swa, .start = 4, .every = 2};
  double average = 0, sum = 0, count = 0;
  for (int64_t step = 1; step <= 20; ++step) {
    const double weight = std::sin(static_cast<double>(step));
    average += (weight - average) * swa.share(step);
    if (step >= 4 && step % 2 == 0) {
      sum += weight;
      ++count;
    }
  }
  EXPECT_NEAR(average, sum / count, 1e-14);
  EXPECT_EQ(make_averaging(recipe({"average.name=swa"}), 1000, 50).start, 750);
  EXPECT_EQ(make_averaging(recipe({"average.name=swa"}), 1000, 50).every, 50);
}

TEST(Averages, AreSavedLoadedAndSwapped) {
  Optimizer rule = make_optimizer("sgd");
  rule.averaged = true;
  Net net(rule);
  for (int step = 1; step <= 3; ++step) {
    net.set("average_share", step == 1 ? 1 : 0.25);
    net.run();
  }
  const auto before = net.values();
  AveragedStates(net.parameters(), net.states()).swap();
  EXPECT_EQ(net.values()["head.weight"], before.at("ema.head.weight"));
  EXPECT_EQ(net.values()["ema.head.weight"], before.at("head.weight"));
  AveragedStates(net.parameters(), net.states()).swap();
  EXPECT_EQ(net.values(), before);

  const TemporaryFolder folder;
  const NamedTensors saved = model_tensors(net.parameters(), net.states());
  EXPECT_EQ(saved.size(), 2 * 8u);  // 4 linear, 2 + 2 of the norm; and their averages
  save_safetensors(folder.file("w.safetensors"), saved);
  Net other(make_optimizer("sgd"));
  load_weights(folder.file("w.safetensors"), other.parameters(), other.states());
  EXPECT_EQ(other.values()["head.weight"], before.at("ema.head.weight"));
  EXPECT_EQ(other.values()["bn.running_mean"], before.at("ema.bn.running_mean"));
}

TEST(StartFrom, TakesAllButWhatIsSkippedAndNamesWhatDoesNotFit) {
  const TemporaryFolder folder;
  Net trained(make_optimizer("sgd"));
  trained.run();
  const std::string path = folder.file("w.safetensors");
  NamedTensors tensors = model_tensors(trained.parameters(), trained.states());
  save_safetensors(path, tensors);
  Net whole(make_optimizer("sgd")), body(make_optimizer("sgd"));
  const auto first = body.values();
  start_from(path, {}, whole.parameters(), whole.states());
  EXPECT_EQ(whole.values(), trained.values());
  const std::vector<std::string> head = {"head.*"};
  start_from(path, head, body.parameters(), body.states());
  EXPECT_EQ(body.values()["head.weight"], first.at("head.weight"));
  EXPECT_EQ(body.values()["fc1.weight"], trained.values()["fc1.weight"]);
  EXPECT_EQ(body.values()["bn.running_mean"], trained.values()["bn.running_mean"]);

  tensors["head.weight"] = numbers({4, 5}, std::vector<double>(20));
  tensors["tail.weight"] = numbers({1}, {0});
  tensors.erase("bn.bias");
  save_safetensors(path, tensors);
  try {
    start_from(path, {}, whole.parameters(), whole.states());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    for (const char* part : {"not in the file: bn.bias", "not in the model: tail.weight",
                             "unlike the model's: 'head.weight'", "init.skip"})
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
  EXPECT_EQ(whole.values(), trained.values());  // nothing of it was taken
  const std::vector<std::string> skip = {"head.*", "tail.*", "bn.*"};
  EXPECT_NO_THROW(start_from(path, skip, whole.parameters(), whole.states()));
  try {
    start_from(folder.file("none"), {}, whole.parameters(), whole.states());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
  }
}

TEST(Frozen, WeightsAndRunningStatisticsStay) {
  Optimizer rule = make_optimizer("adamw", 0.1);
  rule.frozen = {"fc1.*", "bn.*"};
  Net net(rule);
  const auto before = net.values();
  for (int i = 0; i < 4; ++i) net.run();
  for (const auto& [name, values] : net.values()) {
    if (name.starts_with("optimizer.")) continue;
    EXPECT_EQ(values == before.at(name), !name.starts_with("head.")) << name;
  }
  EXPECT_FALSE(net.states().contains("optimizer.exp_avg.fc1.weight"));
}

// At a rate of 0 running statistics apart nothing moves, so losses can be compared.
TEST(Loss, SmoothedTargetsMixTheClassesMean) {
  Optimizer plain = make_optimizer("sgd"), smooth = plain, all = plain;
  smooth.regularisation.label_smoothing = 0.1;
  all.regularisation.label_smoothing = 1;
  Net a(plain), b(smooth), c(all);
  const double hard = a.run(), mixed = b.run(), even = c.run();
  EXPECT_NEAR(mixed, 0.9 * hard + 0.1 * even, 1e-12);
  EXPECT_GT(std::fabs(mixed - hard), 1e-4);
}

TEST(Loss, OfMixedSamplesCountsBothTargets) {
  Optimizer rule = make_optimizer("sgd");
  Net own(rule), other(rule);
  const int64_t labels[] = {1, 2, 2, 1, 0, 0};
  const Tensor partners = Tensor::from<int64_t>(DType::i64, {batch}, labels);
  const double mine = own.run();
  other.target = partners;
  const double theirs = other.run();
  rule.regularisation.mixes = true;
  Net mixed(rule);
  mixed.program().set_input("partner_target", partners);
  mixed.set("own_share", 0.7);
  EXPECT_NEAR(mixed.run(), 0.7 * mine + 0.3 * theirs, 1e-12);
}

Tensor images(int64_t count, int64_t side) {
  std::vector<double> values(static_cast<size_t>(count * 2 * side * side));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  return numbers({count, 2, side, side}, values);
}

TEST(Mixing, MixupIsTheSumOfTwoByTheirShares) {
  for (const int64_t count : {1, 2, 5, 6, 12})
    for (uint64_t step = 1; step < 6; ++step) {
      Tensor inputs = images(count, 3);
      const std::vector<double> before = inputs.to_doubles();
      std::vector<int64_t> labels(static_cast<size_t>(count));
      for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int64_t>(10 * i);
      const Tensor targets = Tensor::from<int64_t>(DType::i64, {count}, labels);
      Tensor partners = Tensor::zeros(DType::i64, {count});
      const Mixture m = mix_samples({.mixup = 0.4}, {1, step, 0}, inputs, targets, partners);
      EXPECT_TRUE(m.share >= 0 && m.share <= 1);
      EXPECT_TRUE(count == 1 || (m.shift >= 1 && m.shift < count));
      const std::vector<double> after = inputs.to_doubles();
      for (int64_t i = 0; i < count; ++i) {
        const int64_t partner = (i + m.shift) % count;
        EXPECT_EQ(partners.data_as<int64_t>()[i], 10 * partner);
        for (int64_t k = 0; k < 18; ++k)
          EXPECT_NEAR(after[static_cast<size_t>(i * 18 + k)],
                      m.share * before[static_cast<size_t>(i * 18 + k)] +
                          (1 - m.share) * before[static_cast<size_t>(partner * 18 + k)],
                      1e-10);
      }
    }
}

TEST(Mixing, CutMixPastesABoxWhoseAreaIsTheShare) {
  const int64_t count = 6, side = 16, size = 2 * side * side;
  int64_t cut = 0;
  for (uint64_t step = 1; step <= 40; ++step) {
    Tensor inputs = images(count, side);
    const std::vector<double> before = inputs.to_doubles();
    const Tensor targets = Tensor::zeros(DType::i64, {count});
    Tensor partners = Tensor::zeros(DType::i64, {count});
    const Mixture m = mix_samples({.cutmix = 1}, {1, step, 0}, inputs, targets, partners);
    const std::vector<double> after = inputs.to_doubles();
    for (int64_t i = 0; i < count; ++i) {
      const int64_t partner = (i + m.shift) % count;
      int64_t own = 0;
      for (int64_t k = 0; k < size; ++k) {
        const double got = after[static_cast<size_t>(i * size + k)];
        const bool kept = got == before[static_cast<size_t>(i * size + k)];
        own += kept;
        EXPECT_TRUE(kept || got == before[static_cast<size_t>(partner * size + k)]);
      }
      EXPECT_NEAR(static_cast<double>(own) / static_cast<double>(size), m.share, 1e-12);
    }
    cut += m.share < 1;
  }
  EXPECT_GT(cut, 20);
}

TEST(Mixing, DependsOnSeedStepAndMicroStepAlone) {
  const auto mixed = [](const RngState& rng) {
    Tensor inputs = images(5, 4);
    const Tensor targets = Tensor::zeros(DType::i64, {5});
    Tensor partners = Tensor::zeros(DType::i64, {5});
    mix_samples({.mixup = 1, .cutmix = 1}, rng, inputs, targets, partners);
    return inputs.to_doubles();
  };
  EXPECT_EQ(mixed({1, 2, 3}), mixed({1, 2, 3}));
  EXPECT_NE(mixed({1, 2, 3}), mixed({2, 2, 3}));
  EXPECT_NE(mixed({1, 2, 3}), mixed({1, 3, 3}));
  EXPECT_NE(mixed({1, 2, 3}), mixed({1, 2, 4}));
}

// Of the beta distribution (a, a): mean 1/2, variance 1 / (8 a + 4).
TEST(Mixing, SharesHaveTheirDistribution) {
  for (const double alpha : {0.1, 0.2, 1.0, 4.0}) {
    uint64_t index = 0;
    const PhiloxKey key = {11, 12};
    const int count = 40000;
    double sum = 0, squares = 0;
    for (int i = 0; i < count; ++i) {
      const double x = beta_number(alpha, key, index);
      ASSERT_TRUE(x >= 0 && x <= 1);
      sum += x;
      squares += (x - 0.5) * (x - 0.5);
    }
    const double variance = 1 / (8 * alpha + 4);
    EXPECT_NEAR(sum / count, 0.5, 4 * std::sqrt(variance / count)) << alpha;
    EXPECT_NEAR(squares / count, variance, 0.03 * variance) << alpha;
  }
}

// By two steps of plain descent, one from the weights and one from where they are moved.
TEST(Sharpness, TheGradientIsThatOfWeightsMovedUpTheLoss) {
  constexpr double rate = 0.1, rho = 0.05;
  Optimizer rule = make_optimizer("sgd");
  rule.sharpness = rho;
  Net net(rule), plain(make_optimizer("sgd"));
  const auto first = net.values();
  const std::vector<std::string> weights = {"fc1.weight", "fc1.bias",    "bn.weight",
                                            "bn.bias",    "head.weight", "head.bias"};
  // The gradients where `plain` stands, which it is brought back to.
  const auto slopes_here = [&](std::map<std::string, std::vector<double>> at) {
    for (const std::string& name : weights)
      plain.states().set(name, numbers(plain.states().get(name).shape(), at.at(name)));
    plain.run();
    const auto after = plain.values();
    for (const std::string& name : weights)
      for (size_t i = 0; i < at[name].size(); ++i)
        at[name][i] = (at[name][i] - after.at(name)[i]) / rate;
    return at;
  };
  const auto slopes = slopes_here(first);
  double squares = 0;
  for (const std::string& name : weights)
    for (const double slope : slopes.at(name)) squares += slope * slope;
  auto moved = first;
  for (const std::string& name : weights)
    for (size_t i = 0; i < moved[name].size(); ++i)
      moved[name][i] += rho * slopes.at(name)[i] / std::sqrt(squares);
  const auto sharp = slopes_here(moved);
  const auto mean = plain.values().at("bn.running_mean");
  EXPECT_EQ(net.run(), Net(make_optimizer("sgd")).run());
  double change = 0;
  for (const std::string& name : weights)
    for (size_t i = 0; i < first.at(name).size(); ++i) {
      EXPECT_NEAR(net.values().at(name)[i], first.at(name)[i] - rate * sharp.at(name)[i], 1e-12);
      change = std::max(change, std::fabs(sharp.at(name)[i] - slopes.at(name)[i]));
    }
  EXPECT_GT(change, 1e-3);
  // Statistics are those of the weights as they are.
  Net once(make_optimizer("sgd"));
  once.run();
  EXPECT_EQ(net.values().at("bn.running_mean"), once.values().at("bn.running_mean"));
  EXPECT_NE(net.values().at("bn.running_mean"), mean);
}

}  // namespace
}  // namespace gradus
