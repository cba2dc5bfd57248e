// SPDX-License-Identifier: Apache-2.0
// What a recipe says of the loss: which one, for which targets, weights of classes.
#include "training/loss_rule.h"

#include <cmath>
#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/stepwise.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "training/objective.h"
#include "training/recipe.h"

namespace gradus {
namespace {

Tensor doubles(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(DType::f64, shape, values);
}

struct Loss {
  double value, in_parts;  // mean_loss, and whole_loss of loss_parts
};

Loss loss_of(const BatchSpec& spec, const Tensor& outputs, const Tensor& targets) {
  register_all_ops();
  Graph graph;
  const Predictions predictions{graph.input("outputs", outputs.dtype(), outputs.shape()),
                                graph.input("targets", targets.dtype(), targets.shape())};
  graph.output("mean", mean_loss(predictions, spec, 0, graph));
  const LossParts parts = loss_parts(predictions, spec, 0, graph);
  graph.output("parts", whole_loss(parts.sum / parts.weight, spec).value);
  TensorMap states;
  const TensorMap results =
      run_stepwise(graph, {{"outputs", outputs}, {"targets", targets}}, states);
  return {results.at("mean").item(), results.at("parts").item()};
}

LossRule rule_of(std::vector<std::string> settings) {
  return make_loss(parse_recipe("", "test", settings));
}

void expect_loss(const std::vector<std::string>& settings, double expected) {
  BatchSpec spec{
      .batch = 2, .sample = {}, .target = {}, .numbers = true, .loss = rule_of(settings)};
  const Loss got = loss_of(spec, doubles({2, 2}, {1, 2, 3, 4}), doubles({2, 2}, {0, 2, 3.5, 7}));
  EXPECT_NEAR(got.value, expected, 1e-15) << settings[0];
  EXPECT_NEAR(got.in_parts, expected, 1e-15) << settings[0];
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_argument) << error.what();
    return error.what();
  }
  return "accepted";
}

void expect_refusal(const std::function<void()>& call, std::string_view part) {
  const std::string text = refusal(call);
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

// Errors 1, 0, -0.5, -3.
TEST(LossRule, NumbersByHand) {
  expect_loss({"loss.name=auto"}, 10.25 / 4);
  expect_loss({"loss.name=mse"}, 10.25 / 4);
  expect_loss({"loss.name=rmse"}, std::sqrt(10.25 / 4));
  expect_loss({"loss.name=l1"}, 4.5 / 4);
  expect_loss({"loss.name=huber", "loss.delta=2"}, (0.5 + 0.125 + 2 * (3 - 1)) / 4);
  expect_loss({"loss.name=smooth_l1", "loss.beta=2"}, (0.25 + 0.0625 + 2) / 4);
}

TEST(LossRule, ClassesByHand) {
  const double p = 0.75, q = 0.2;  // of the wanted classes
  const Tensor outputs = doubles({3, 2}, {std::log(3.0), 0, std::log(4.0), 0, 9, 9});
  const Tensor targets = Tensor::from<int64_t>(DType::i64, {3}, std::vector<int64_t>{0, 1, -100});
  const auto expect = [&](const std::vector<std::string>& settings,
                          const std::vector<double>& weights, double expected) {
    const BatchSpec spec{.batch = 3,
                         .sample = {},
                         .target = {},
                         .class_weights = weights,
                         .loss = rule_of(settings)};
    const Loss got = loss_of(spec, outputs, targets);
    EXPECT_NEAR(got.value, expected, 1e-15) << settings[0];
    EXPECT_NEAR(got.in_parts, expected, 1e-15) << settings[0];
  };
  const auto weighted = [](double a, double b) { return (a + 3 * b) / 4; };
  const double entropies[] = {-std::log(p), -std::log(q)};
  expect({"loss.name=cross_entropy"}, {}, (entropies[0] + entropies[1]) / 2);
  expect({"loss.name=auto"}, {1, 3}, weighted(entropies[0], entropies[1]));
  const double focal[] = {0.0625 * entropies[0], 0.64 * entropies[1]};
  expect({"loss.name=focal"}, {}, (focal[0] + focal[1]) / 2);
  expect({"loss.name=focal"}, {1, 3}, weighted(focal[0], focal[1]));
  expect({"loss.name=focal", "loss.gamma=0", "loss.alpha=0.5"}, {1, 3},
         weighted(entropies[0], entropies[1]) / 2);
  const double errors[] = {0.0625, 0.64};  // (1 - p)^2 for both classes, over 2
  expect({"loss.name=mse"}, {}, (errors[0] + errors[1]) / 2);
  expect({"loss.name=mse"}, {1, 3}, weighted(errors[0], errors[1]));
  expect({"loss.name=mse"}, {1, 1}, (errors[0] + errors[1]) / 2);
}

// Of one logit z beside 0 the entropy of two classes is ln(1 + e^z) - z where the second is true;
// every loss of classes takes them as well.
TEST(LossRule, OneLogitForTwoClasses) {
  const Tensor outputs = doubles({3, 2}, {0, 2, 0, -1, 0, 700});
  const Tensor targets =
      Tensor::from<int64_t>(DType::i64, {3}, std::vector<int64_t>{1, 1, no_target});
  const double first = std::log1p(std::exp(-2.0)), second = std::log1p(std::exp(1.0));
  const auto expect = [&](const std::vector<std::string>& settings,
                          const std::vector<double>& weights, double expected) {
    BatchSpec spec{
        .batch = 3, .sample = {}, .target = {}, .binary = true, .loss = rule_of(settings)};
    spec.class_weights = weights;
    const Loss got = loss_of(spec, outputs, targets);
    EXPECT_NEAR(got.value, expected, 1e-15);
    EXPECT_NEAR(got.in_parts, expected, 1e-15);
  };
  expect({}, {}, (first + second) / 2);
  expect({"loss.name=binary_cross_entropy"}, {}, (first + second) / 2);
  expect({"loss.name=cross_entropy"}, {}, (first + second) / 2);
  expect({}, {5, 2}, (first + second) / 2);
  BatchSpec spec{.batch = 3, .sample = {}, .target = {}, .binary = true};
  spec.class_weights = {1, 3};
  const Tensor mixed =
      Tensor::from<int64_t>(DType::i64, {3}, std::vector<int64_t>{1, 0, no_target});
  const double zero = std::log1p(std::exp(-1.0));
  EXPECT_NEAR(loss_of(spec, outputs, mixed).value, (3 * first + zero) / 4, 1e-15);
  EXPECT_NEAR(loss_of(spec, outputs, mixed).in_parts, (3 * first + zero) / 4, 1e-15);
}

TEST(LossRule, ALogitForEachLabel) {
  const BatchSpec spec{.batch = 2, .sample = {}, .target = {2}, .numbers = true, .labels = true};
  const Loss got = loss_of(spec, doubles({2, 2}, {2, -1, 0, 3}), doubles({2, 2}, {1, 0, 1, 0}));
  const double expected = (std::log1p(std::exp(-2.0)) + std::log1p(std::exp(-1.0)) + std::log(2.0) +
                           std::log1p(std::exp(3.0))) /
                          4;
  EXPECT_NEAR(got.value, expected, 1e-15);
  EXPECT_NEAR(got.in_parts, expected, 1e-15);
}

TEST(LossRule, ALossIsForItsTargets) {
  for (const char* name : {"rmse", "l1", "huber", "smooth_l1"}) {
    const LossRule rule = rule_of({std::string("loss.name=") + name});
    EXPECT_NO_THROW(check_loss(rule, Head::numbers, 0));
    for (const Head head : {Head::classes, Head::binary, Head::labels})
      EXPECT_THROW(check_loss(rule, head, 0), Error);
    expect_refusal([&] { check_loss(rule, Head::classes, 0); },
                   fmt::format("[loss.name] '{}' is for data.task=regression, the targets are "
                               "classes: expected one of cross_entropy, focal, mse",
                               name));
  }
  for (const char* name : {"cross_entropy", "focal"}) {
    const LossRule rule = rule_of({std::string("loss.name=") + name});
    EXPECT_NO_THROW(check_loss(rule, Head::classes, 0));
    EXPECT_NO_THROW(check_loss(rule, Head::binary, 0));
    EXPECT_THROW(check_loss(rule, Head::labels, 0), Error);
    expect_refusal([&] { check_loss(rule, Head::numbers, 0); },
                   fmt::format("[loss.name] '{}' is for data.task=classification, the targets are "
                               "numbers: expected one of mse, rmse, l1, huber, smooth_l1",
                               name));
  }
  const LossRule entropy = rule_of({"loss.name=binary_cross_entropy"});
  EXPECT_NO_THROW(check_loss(entropy, Head::binary, 0));
  EXPECT_NO_THROW(check_loss(entropy, Head::labels, 0));
  expect_refusal([&] { check_loss(entropy, Head::classes, 0); },
                 "'binary_cross_entropy' is for data.task=binary or multilabel, the targets are "
                 "classes");
  EXPECT_THROW(check_loss(entropy, Head::numbers, 0), Error);
  EXPECT_NO_THROW(check_loss({}, Head::classes, 0.1));
  EXPECT_THROW(check_loss({}, Head::binary, 0.1), Error);
  expect_refusal([] { check_loss(rule_of({"loss.name=focal"}), Head::classes, 0.1); },
                 "smoothed for cross_entropy, the loss is 'focal'");
  expect_refusal([] { rule_of({"loss.gamma=1"}); },
                 "'loss.gamma' does not belong to loss.name = 'auto'");
  expect_refusal([] { rule_of({"loss.name=focla"}); }, "did you mean 'focal'?");
  expect_refusal([] { rule_of({"loss.name=huber", "loss.delta=0"}); }, "'loss.delta' expected");
}

TEST(ClassWeights, AreOneForEachClassOrBalanced) {
  const std::vector<int64_t> labels = {0, 0, 0, 2, 2, 1};
  EXPECT_EQ(class_weights("none", labels, 3), std::vector<double>{});
  EXPECT_EQ(class_weights("balanced", labels, 3), (std::vector<double>{6 / 9.0, 2, 1}));
  EXPECT_EQ(class_weights("auto", labels, 3), (std::vector<double>{6 / 9.0, 2, 1}));
  EXPECT_EQ(class_weights("1, 0.5,2e1", labels, 3), (std::vector<double>{1, 0.5, 20}));
  EXPECT_EQ(class_weights("[0,0, 4]", labels, 3), (std::vector<double>{0, 0, 4}));
  for (const char* text : {"none", "balanced", "auto", "1", "1,2", "[1, 2]", " 1 , 2 "})
    EXPECT_TRUE(are_class_weights(text)) << text;
  for (const char* text : {"", "1,", ",1", "1,,2", "-1,2", "0,0", "nan,1", "inf,1", "1e999,1",
                           "1;2", "[1,2", "[]", "1 2", "0x1,1", "balanced,1"})
    EXPECT_FALSE(are_class_weights(text)) << text;
  expect_refusal([&] { class_weights("1,2", labels, 3); },
                 "expected a number for each of 3 classes, got 2");
  expect_refusal([&] { class_weights("1,2", {}, 2); }, "expected data with one class per sample");
  expect_refusal([&] { class_weights("balanced", labels, 4); },
                 "no training sample has the class 3");
  expect_refusal(
      [&] { parse_recipe("", "test", {"data.class_weights=1,x"}); },
      "'data.class_weights' expected none, balanced (or auto), or a number for each class");
}

// Of a wrong and sure logit, cross-entropy moves it and squared error of the sigmoid does not.
TEST(Losses, ASaturatedLogitLearnsByCrossEntropyAlone) {
  register_all_ops();
  Graph graph;
  const Value z = graph.input("z", DType::f64, {}), one = graph.scalar(1, DType::f64);
  const Value entropy = apply1("binary_cross_entropy_with_logits", {z, one});
  const Value square = apply1("mse_loss", {sigmoid(z), one});
  graph.output("entropy", gradients(entropy, std::span(&z, 1))[0]);
  graph.output("square", gradients(square, std::span(&z, 1))[0]);
  TensorMap states;
  const TensorMap slopes = run_stepwise(graph, {{"z", doubles({}, {-10})}}, states);
  EXPECT_GT(std::fabs(slopes.at("entropy").item()), 0.99);
  EXPECT_LT(std::fabs(slopes.at("square").item()), 1e-4);
  EXPECT_NE(slopes.at("square").item(), 0);
}

}  // namespace
}  // namespace gradus
