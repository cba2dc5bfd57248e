// SPDX-License-Identifier: Apache-2.0
// What the generic test cannot know of softmax and the losses: values by hand, large logits,
// messages, the variants on rows beyond a block.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

Tensor doubles(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(DType::f64, shape, std::span<const double>(values));
}

Tensor indices(const Shape& shape, const std::vector<int64_t>& values) {
  return Tensor::from<int64_t>(DType::i64, shape, std::span<const int64_t>(values));
}

struct LossAndGradient {
  std::vector<double> loss, gradient;  // the latter of the sum of the loss by input 0
};

LossAndGradient evaluate(std::string_view op, const std::vector<Tensor>& inputs,
                         const AttrList& attrs = {}) {
  register_all_ops();
  Graph graph;
  std::vector<Value> values;
  TensorMap named, states;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = std::to_string(i);
    values.push_back(graph.input(name, inputs[i].dtype(), inputs[i].shape()));
    named[name] = inputs[i];
  }
  const Value loss = apply1(op, values, attrs);
  graph.output("loss", loss);
  graph.output("gradient", gradients(loss, std::span(values).first(1))[0]);
  const TensorMap results = run_stepwise(graph, named, states);
  return {results.at("loss").to_doubles(), results.at("gradient").to_doubles()};
}

void expect_failure(std::string_view op, const std::vector<Tensor>& inputs, const AttrList& attrs,
                    ErrorKind kind, std::string_view text) {
  try {
    evaluate(op, inputs, attrs);
    ADD_FAILURE() << op << ": no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos) << error.what();
  }
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << i;
}

TEST(Softmax, by_hand) {
  const Tensor x = doubles({3}, {2, 1, 0.1});
  expect_near(evaluate("softmax", {x}, {{"dim", 0}}).loss, {0.659001, 0.242433, 0.098566}, 1e-6);
}

TEST(Softmax, large_logits_stay_finite) {
  const Tensor x = doubles({2, 2}, {1e4, -1e4, -1e4, -1e4});
  for (DType dtype : {DType::f64, DType::f32, DType::bf16}) {
    const LossAndGradient got = evaluate("softmax", {x.cast(dtype)}, {{"dim", 1}});
    EXPECT_EQ(got.loss, (std::vector<double>{1, 0, 0.5, 0.5}));
    for (double g : got.gradient) EXPECT_TRUE(std::isfinite(g));
  }
}

TEST(CrossEntropy, by_hand) {
  const Tensor x = doubles({1, 3}, {2, 1, 0.1});
  const LossAndGradient first = evaluate("cross_entropy", {x, indices({1}, {0})});
  expect_near(first.loss, {0.417030}, 1e-6);
  expect_near(first.gradient, {0.659001 - 1, 0.242433, 0.098566}, 1e-6);
  expect_near(evaluate("cross_entropy", {x, indices({1}, {2})}).loss, {2.317030}, 1e-6);
}

TEST(CrossEntropy, of_one_hot_is_minus_the_log_of_the_true_class) {
  const Tensor x = doubles({1, 3}, {2, 1, 0.1}), one_hot = doubles({1, 3}, {0, 1, 0});
  const double p = evaluate("softmax", {x}, {{"dim", 1}}).loss[1];
  expect_near(evaluate("cross_entropy", {x, one_hot}).loss, {-std::log(p)}, 1e-12);
}

TEST(CrossEntropy, mean_is_weighted_and_skips_ignored_targets) {
  const Tensor x = doubles({3, 2}, {0, 0, 0, std::log(3.0), 5, 5});
  const Tensor target = indices({3}, {0, 1, -1}), weight = doubles({2}, {1, 3});
  const AttrList attrs{{"ignore_index", -1}};
  const double expected = (std::log(2.0) + 3 * std::log(4.0 / 3)) / 4;
  const LossAndGradient got = evaluate("cross_entropy", {x, target, weight}, attrs);
  expect_near(got.loss, {expected}, 1e-15);
  EXPECT_EQ(got.gradient[4], 0);
  EXPECT_EQ(got.gradient[5], 0);
}

TEST(CrossEntropy, large_logits_stay_finite) {
  const Tensor x = doubles({2, 2}, {1e4, -1e4, -1e4, 1e4}), target = indices({2}, {1, 1});
  for (DType dtype : {DType::f64, DType::f32, DType::bf16}) {
    const LossAndGradient got = evaluate("cross_entropy", {x.cast(dtype), target});
    EXPECT_NEAR(got.loss[0], 1e4, 100);
    EXPECT_EQ(got.gradient, (std::vector<double>{0.5, -0.5, 0, 0}));
  }
}

TEST(CrossEntropy, a_target_out_of_range_is_named) {
  const Tensor x = doubles({2, 3}, {1, 2, 3, 4, 5, 6});
  expect_failure("cross_entropy", {x, indices({2}, {0, 3})}, {}, ErrorKind::bad_data,
                 "[cross_entropy] target 3 at position 1, expected 0 to 2");
  expect_failure("nll_loss", {x, indices({2}, {-1, 0})}, {}, ErrorKind::bad_data,
                 "[nll_loss] target -1 at position 0");
  expect_failure("cross_entropy", {x, indices({3}, {0, 1, 2})}, {}, ErrorKind::invalid_argument,
                 "[cross_entropy] input 'target', expected i64 (2)");
  expect_failure("cross_entropy", {x, indices({2}, {0, 1})}, {{"reduction", "average"}},
                 ErrorKind::invalid_argument, "expected none, mean or sum, got 'average'");
  expect_failure("cross_entropy", {x, indices({2}, {0, 1})}, {{"label_smoothing", 1.5}},
                 ErrorKind::invalid_argument, "'label_smoothing', expected 0 to 1, got 1.5");
}

// Rows longer than the block after which sums go on in f64.
TEST(CrossEntropy, variants_agree_on_long_rows) {
  register_all_ops();
  const int64_t rows = 3, classes = 9001;
  Tensor x(DType::f32, {rows, classes});
  const PhiloxKey key = philox_key({1, 2, 3}, 4);
  for (int64_t i = 0; i < x.numel(); ++i)
    x.data_as<float>()[i] = 20 * uniform_float(philox_word(key, static_cast<uint64_t>(i)));
  const Tensor target = indices({rows}, {0, 9000, 77});
  for (const char* name : {"cross_entropy", "softmax", "log_softmax"}) {
    const OpDef& op = get_op(name);
    const bool loss = std::string_view(name) == "cross_entropy";
    const Attrs attrs(name, op.attributes,
                      loss ? AttrList{{"label_smoothing", 0.1}} : AttrList{{"dim", 1}});
    std::vector<Tensor> inputs{x};
    if (loss) inputs = {x, target, Tensor()};
    const std::vector<double> expected = run_op(op, attrs, inputs, {}, "reference")[0].to_doubles();
    const std::vector<double> got = run_op(op, attrs, inputs)[0].to_doubles();
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], 1e-6 * std::abs(expected[i])) << name << " element " << i;
  }
}

TEST(Losses, by_hand) {
  const auto one = [](double value) { return doubles({}, {value}); };
  expect_near(evaluate("binary_cross_entropy_with_logits", {one(0), one(1)}).loss, {0.693147},
              1e-6);
  expect_near(evaluate("hinge_loss", {one(0.3), one(1)}).loss, {0.7}, 1e-15);
  EXPECT_EQ(evaluate("hinge_loss", {one(1.5), one(1)}).gradient, (std::vector<double>{0}));
  expect_near(evaluate("huber_loss", {one(3), one(0)}, {{"delta", 2}}).loss, {4}, 1e-15);
  expect_near(evaluate("smooth_l1_loss", {one(3), one(0)}, {{"beta", 2}}).loss, {2}, 1e-15);
  EXPECT_EQ(evaluate("l1_loss", {one(2), one(2)}).gradient, (std::vector<double>{0}));
  expect_near(evaluate("mse_loss", {doubles({2}, {1, 3}), doubles({2}, {0, 0})}).gradient, {1, 3},
              0);
}

TEST(Losses, logits_of_any_size_stay_finite) {
  const Tensor x = doubles({5}, {1e4, -1e4, 0, -1e4, 1e4}),
               target = doubles({5}, {1, 0, 0.5, 1, 0});
  const LossAndGradient got =
      evaluate("binary_cross_entropy_with_logits", {x, target}, {{"reduction", "none"}});
  expect_near(got.loss, {0, 0, std::log(2.0), 1e4, 1e4}, 1e-12);
  expect_near(got.gradient, {0, 0, 0, -1, 1}, 1e-12);
}

TEST(Losses, divergence_of_a_distribution_from_itself_is_zero) {
  const Tensor p = doubles({2, 3}, {0.2, 0.8, 0, 0.5, 0.25, 0.25});
  Tensor log_p = doubles({2, 3}, std::vector<double>(6));
  for (int i = 0; i < 6; ++i)
    log_p.data_as<double>()[i] = i == 2 ? -30 : std::log(p.data_as<double>()[i]);
  expect_near(evaluate("kl_div", {log_p, p}, {{"reduction", "batchmean"}}).loss, {0}, 1e-15);
}

TEST(Losses, mean_is_the_sum_over_the_count) {
  const Tensor x = doubles({2, 2}, {1, -2, 3, 0.5}), y = doubles({2, 2}, {0.5, 0.25, 0.125, 1});
  for (const char* op : {"mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "hinge_loss",
                         "kl_div", "binary_cross_entropy_with_logits"}) {
    const double mean = evaluate(op, {x, y}).loss[0];
    EXPECT_NEAR(mean, evaluate(op, {x, y}, {{"reduction", "sum"}}).loss[0] / 4, 1e-12) << op;
    double sum = 0;
    for (double loss : evaluate(op, {x, y}, {{"reduction", "none"}}).loss) sum += loss;
    EXPECT_NEAR(mean, sum / 4, 1e-12) << op;
  }
}

TEST(FocalLoss, by_hand) {
  const Tensor x = doubles({1, 2}, {std::log(9.0), 0}), target = indices({1}, {0});  // p = 0.9
  expect_near(evaluate("cross_entropy", {x, target}).loss, {0.105361}, 1e-6);
  const LossAndGradient got = evaluate("focal_loss", {x, target});
  expect_near(got.loss, {0.00105361}, 1e-8);
  // d/dx0 of (1 - p)^2 * -log(p): dp = p (1 - p).
  const double slope = 0.09 * (-2 * 0.1 * -std::log(0.9) - 0.01 / 0.9);
  expect_near(got.gradient, {slope, -slope}, 1e-15);
  expect_near(evaluate("focal_loss", {x, target}, {{"alpha", 0.25}, {"gamma", 1}}).loss,
              {0.25 * 0.1 * -std::log(0.9)}, 1e-15);
}

TEST(FocalLoss, without_gamma_is_cross_entropy_exactly) {
  const Tensor x = doubles({3, 2}, {0.1, 0.7, -3, 4, 5, 5}), target = indices({3}, {0, 1, -1});
  const Tensor weight = doubles({2}, {1, 3});
  for (const char* reduction : {"mean", "sum", "none"}) {
    const AttrList attrs{{"ignore_index", -1}, {"reduction", reduction}};
    AttrList focal = attrs;
    focal.push_back({"gamma", 0});
    const LossAndGradient expected = evaluate("cross_entropy", {x, target, weight}, attrs);
    const LossAndGradient got = evaluate("focal_loss", {x, target, weight}, focal);
    EXPECT_EQ(got.loss, expected.loss) << reduction;
    EXPECT_EQ(got.gradient, expected.gradient) << reduction;
  }
}

TEST(FocalLoss, mean_is_weighted_and_skips_ignored_targets) {
  const Tensor x = doubles({3, 2}, {0, 0, 0, std::log(3.0), 5, 5});
  const Tensor target = indices({3}, {0, 1, -1}), weight = doubles({2}, {1, 3});
  const double first = 0.25 * std::log(2.0), second = std::log(4.0 / 3) / 16;
  const AttrList attrs{{"ignore_index", -1}};
  expect_near(evaluate("focal_loss", {x, target}, attrs).loss, {(first + second) / 2}, 1e-15);
  expect_near(evaluate("focal_loss", {x, target, weight}, attrs).loss, {(first + 3 * second) / 4},
              1e-15);
  const Tensor even = doubles({2}, {1, 1});
  EXPECT_EQ(evaluate("focal_loss", {x, target, even}, attrs).loss,
            evaluate("focal_loss", {x, target}, attrs).loss);
}

TEST(FocalLoss, sure_predictions_have_finite_gradients) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = doubles({3, 2}, {1e4, -1e4, -1e4, 1e4, -infinity, 0});
  const Tensor target = indices({3}, {0, 0, 0});
  for (const double gamma : {0.25, 1.0, 2.0})
    for (DType dtype : {DType::f64, DType::f32, DType::bf16}) {
      const LossAndGradient got = evaluate("focal_loss", {x.cast(dtype), target},
                                           {{"gamma", gamma}, {"reduction", "none"}});
      EXPECT_EQ(got.loss[0], 0);
      EXPECT_NEAR(got.loss[1], 2e4, 100);
      EXPECT_EQ(got.gradient, (std::vector<double>{0, 0, -1, 1, -1, 1})) << gamma;
    }
}

TEST(FocalLoss, what_is_no_number_or_class_is_refused) {
  const Tensor x = doubles({1, 2}, {1, 2}), target = indices({1}, {0});
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {-0.5, infinity, std::nan("")}) {
    expect_failure("focal_loss", {x, target}, {{"gamma", bad}}, ErrorKind::invalid_argument,
                   "[focal_loss] attribute 'gamma', expected a finite number of at least 0, got");
    expect_failure("focal_loss", {x, target}, {{"alpha", bad}}, ErrorKind::invalid_argument,
                   "[focal_loss] attribute 'alpha'");
  }
  expect_failure("focal_loss", {x, indices({1}, {2})}, {}, ErrorKind::bad_data,
                 "target 2 at position 0, expected 0 to 1");
  expect_failure("focal_loss", {x, x}, {}, ErrorKind::invalid_argument,
                 "[focal_loss] input 'target', expected i64 (1)");
}

TEST(RmseLoss, is_the_root_of_the_mean_square) {
  const Tensor x = doubles({2, 2}, {1, 2, 3, 4}), y = doubles({2, 2}, {0, 0, 3, 2});
  const LossAndGradient got = evaluate("rmse_loss", {x, y});
  expect_near(got.loss, {1.5}, 1e-15);  // sqrt(9 / 4)
  expect_near(got.gradient, {1 / 6.0, 2 / 6.0, 0, 2 / 6.0}, 1e-15);
  const double mse = evaluate("mse_loss", {x, y}).loss[0];
  EXPECT_EQ(got.loss[0], std::sqrt(mse));
  const LossAndGradient huge =
      evaluate("rmse_loss", {doubles({2}, {3e200, 4e200}), doubles({2}, {0, 0})});
  EXPECT_NEAR(huge.loss[0] / 1e200, std::sqrt(12.5), 1e-14);  // squares of 1e200 are no doubles
  expect_near(huge.gradient, {3 / std::sqrt(50), 4 / std::sqrt(50)}, 1e-15);
}

TEST(RmseLoss, without_error_has_no_gradient) {
  const Tensor x = doubles({2}, {1, -2});
  for (DType dtype : {DType::f64, DType::f32, DType::bf16}) {
    const LossAndGradient got = evaluate("rmse_loss", {x.cast(dtype), x.cast(dtype)});
    EXPECT_EQ(got.loss, (std::vector<double>{0}));
    EXPECT_EQ(got.gradient, (std::vector<double>{0, 0}));
  }
}

// KL of softmax([2, 1, 0.1] / T) from even classes, times T^2.
TEST(DistillationLoss, by_hand) {
  const Tensor student = doubles({1, 3}, {1, 1, 1}), teacher = doubles({1, 3}, {2, 1, 0.1});
  const std::pair<double, double> cases[] = {{1, 0.251874}, {2, 0.072368}, {4, 0.018710}};
  for (const auto& [temperature, divergence] : cases) {
    const LossAndGradient got = evaluate("distillation_loss", {student, teacher},
                                         {{"temperature", temperature}, {"alpha", 1}});
    EXPECT_NEAR(got.loss[0] / (temperature * temperature), divergence, 1e-6) << temperature;
    // T (softmax(student / T) - softmax(teacher / T)).
    const Tensor soft = doubles({1, 3}, {2 / temperature, 1 / temperature, 0.1 / temperature});
    const std::vector<double> p = evaluate("softmax", {soft}, {{"dim", 1}}).loss;
    for (size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(got.gradient[c], temperature * (1.0 / 3 - p[c]), 1e-14) << temperature;
  }
}

TEST(DistillationLoss, alpha_chooses_between_teacher_and_labels) {
  const Tensor student = doubles({2, 3}, {1, -1, 0.5, 2, 0, 1});
  const Tensor teacher = doubles({2, 3}, {2, 1, 0.1, -1, 0, 3});
  const Tensor first = indices({2}, {0, 2}), second = indices({2}, {1, 1});
  const auto loss = [&](const Tensor& target, double alpha) {
    return evaluate("distillation_loss", {student, teacher, target},
                    {{"temperature", 2}, {"alpha", alpha}})
        .loss;
  };
  EXPECT_EQ(loss(first, 0), evaluate("cross_entropy", {student, first}).loss);
  EXPECT_EQ(loss(first, 1), loss(second, 1));
  expect_near(loss(first, 0.3), {0.3 * loss(first, 1)[0] + 0.7 * loss(first, 0)[0]}, 1e-15);
  expect_failure("distillation_loss", {student, teacher}, {{"alpha", 0.5}},
                 ErrorKind::invalid_argument, "'target' may be absent only where alpha is 1");
  expect_failure("distillation_loss", {student, teacher, first}, {{"temperature", 0}},
                 ErrorKind::invalid_argument, "'temperature', expected a finite number above 0");
  expect_failure("distillation_loss", {student, teacher, indices({2}, {0, -100})}, {},
                 ErrorKind::bad_data, "target -100 at position 1");
}

TEST(GaussianNllLoss, by_hand) {
  const Tensor x = doubles({1, 2}, {1, 2}), y = doubles({1, 2}, {0, 4}), var = doubles({1, 1}, {2});
  const double first = 0.5 * (std::log(2.0) + 0.5), second = 0.5 * (std::log(2.0) + 2);
  expect_near(evaluate("gaussian_nll_loss", {x, y, var}, {{"reduction", "none"}}).loss,
              {first, second}, 1e-15);
  expect_near(evaluate("gaussian_nll_loss", {x, y, doubles({1}, {2})}, {{"full", true}}).loss,
              {(first + second) / 2 + 0.5 * std::log(2 * M_PI)}, 1e-15);
  expect_near(
      evaluate("gaussian_nll_loss", {x, y, doubles({1, 2}, {0, 1e-9})}, {{"eps", 0.5}}).loss,
      {0.5 * (2 * std::log(0.5) + 1 / 0.5 + 4 / 0.5) / 2}, 1e-15);
  expect_failure("gaussian_nll_loss", {x, y, doubles({2}, {1, 1})}, {}, ErrorKind::invalid_argument,
                 "[gaussian_nll_loss] input 'var', expected");
}

std::vector<double> elbo(const std::vector<Tensor>& inputs, const AttrList& attrs = {}) {
  register_all_ops();
  const OpDef& op = get_op("elbo_loss");
  Graph graph;
  TensorMap named, states;
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    values.push_back(graph.input(std::to_string(i), inputs[i].dtype(), inputs[i].shape()));
    named[std::to_string(i)] = inputs[i];
  }
  const std::vector<Value> outputs = graph.apply(op, values, attrs);
  for (size_t i = 0; i < outputs.size(); ++i) graph.output(op.outputs[i], outputs[i]);
  const TensorMap results = run_stepwise(graph, named, states);
  return {results.at("output").item(), results.at("reconstruction").item(),
          results.at("kl").item()};
}

TEST(ElboLoss, by_hand) {
  const Tensor zeros = doubles({2, 1}, {0, 0}), x = doubles({2, 2}, {0, 0, 0, 0});
  const Tensor y = doubles({2, 2}, {1, 0, 1, 1});
  // Nothing to tell from the prior; each pixel costs ln 2.
  expect_near(elbo({x, y, zeros, zeros}), {2 * std::log(2.0), 2 * std::log(2.0), 0}, 1e-15);
  const Tensor mu = doubles({2, 1}, {1, -2}), log_var = doubles({2, 1}, {std::log(4.0), 0});
  const double kl = 0.5 * (4 + 1 - 1 - std::log(4.0)) + 0.5 * 4;
  const double square = 0.5 * 3;
  expect_near(elbo({x, y, mu, log_var}, {{"reconstruction", "gaussian"}, {"beta", 3}}),
              {square / 2 + 3 * kl / 2, square / 2, kl / 2}, 1e-14);
  expect_near(elbo({x, y, mu, log_var}, {{"reconstruction", "gaussian"}, {"reduction", "sum"}}),
              {square + kl, square, kl}, 1e-14);
  expect_failure("elbo_loss", {x, y, mu, log_var}, {{"reconstruction", "poisson"}},
                 ErrorKind::invalid_argument, "expected bernoulli or gaussian, got 'poisson'");
  expect_failure("elbo_loss", {x, y, doubles({1, 2}, {1, 1}), doubles({1, 2}, {1, 1})}, {},
                 ErrorKind::invalid_argument, "the same first size");
}

TEST(GanLosses, by_hand) {
  const Tensor unsure = doubles({2, 1}, {0, 0});
  expect_near(evaluate("gan_discriminator_loss", {unsure, unsure}).loss, {1.386294}, 1e-6);
  expect_near(evaluate("gan_generator_loss", {unsure}).loss, {std::log(2.0)}, 1e-15);
  expect_near(evaluate("gan_generator_loss", {unsure}, {{"form", "minimax"}}).loss,
              {-std::log(2.0)}, 1e-15);
  expect_failure("gan_generator_loss", {unsure}, {{"form", "hinge"}}, ErrorKind::invalid_argument,
                 "expected non_saturating or minimax, got 'hinge'");
  expect_failure("gan_discriminator_loss", {unsure, unsure}, {{"reduction", "none"}},
                 ErrorKind::invalid_argument, "expected mean or sum, got 'none'");
}

// A generator that is found out learns by the one form and hardly by the other.
TEST(GanLosses, sure_discriminators_stay_finite) {
  for (const double size : {100.0, 1e4}) {
    const Tensor x = doubles({2}, {size, -size});
    for (DType dtype : {DType::f64, DType::f32}) {
      const auto check = [&](std::string_view op, std::vector<Tensor> inputs, const AttrList& attrs,
                             const std::vector<double>& loss, const std::vector<double>& gradient) {
        for (Tensor& input : inputs) input = input.cast(dtype);
        const LossAndGradient got = evaluate(op, inputs, attrs);
        expect_near(got.loss, loss, 1e-30);
        expect_near(got.gradient, gradient, 1e-30);
      };
      const AttrList none{{"reduction", "none"}},
          minimax{{"reduction", "none"}, {"form", "minimax"}};
      check("gan_discriminator_loss", {x, x}, {}, {size}, {0, -0.5});
      check("gan_generator_loss", {x}, none, {0, size}, {0, -1});
      check("gan_generator_loss", {x}, minimax, {-size, 0}, {-1, 0});
    }
  }
}

}  // namespace
}  // namespace gradus
