// SPDX-License-Identifier: Apache-2.0
// Trainings whose losses PyTorch has computed in f64 (tests/suites/training_losses.py wrote
// tests/vectors/training_losses.safetensors): here in f32 and f64.
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "engine/io/safetensors.h"
#include "models/cnn.h"
#include "models/gpt.h"
#include "models/lstm_lm.h"
#include "ops/all_ops.h"
#include "training/program.h"

namespace gradus {
namespace {

const Safetensors& stored() {
  static const Safetensors file =
      load_safetensors(GRADUS_SOURCE_DIR "/tests/vectors/training_losses.safetensors");
  return file;
}

// What a training consists of. Weights and batches are waves of their indices.
struct Task {
  Model model;
  BatchSpec spec;
  int64_t classes;
  Optimizer optimizer;
  double lr, clip = 0;
};

void set_weights(const ParameterTable& parameters, StateStore& states) {
  std::vector<const Parameter*> weights;
  for (const Parameter& parameter : parameters.all())
    if (parameter.role == ParameterRole::weight) weights.push_back(&parameter);
  std::ranges::sort(weights, {}, &Parameter::name);
  for (size_t k = 0; k < weights.size(); ++k) {
    const Parameter& weight = *weights[k];
    const bool norm = weight.name.ends_with("weight") && weight.spec.shape.rank() == 1;
    Tensor values(DType::f64, weight.spec.shape);
    for (int64_t i = 0; i < values.numel(); ++i)
      values.data_as<double>()[i] =
          (norm ? 1.0 : 0.0) +
          0.3 * std::sin(0.7 * static_cast<double>(i) + 1.3 * static_cast<double>(k) + 0.1);
    states.set(weight.name, values.cast(weight.spec.dtype));
  }
}

Tensor numbers(const Shape& shape, int64_t step, int64_t classes, int64_t factor) {
  Tensor tensor(DType::i64, shape);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.data_as<int64_t>()[i] = (i * i * factor + 5 * i + 7 * step) % classes;
  return tensor;
}

Tensor waves(const Shape& shape, int64_t step, DType dtype) {
  Tensor tensor(DType::f64, shape);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.data_as<double>()[i] =
        std::sin(0.9 * static_cast<double>(i) + 0.37 * static_cast<double>(step));
  return tensor.cast(dtype);
}

class Training {
 public:
  Training(const Task& task, DType dtype)
      : task_(task),
        dtype_(dtype),
        states_(cpu_device()),
        arena_(cpu_device()),
        program_(
            training_graph(task.model, task.spec, dtype, task.optimizer, task.clip, parameters_),
            states_, arena_) {
    set_first_values(parameters_, 1, states_);
    set_weights(parameters_, states_);
  }

  double step() {
    ++step_;
    const Shape in = batch_shape(task_.spec.batch, task_.spec.sample);
    const int64_t factor = task_.spec.tokens ? 2 : task_.spec.sample.rank() == 1 ? 2 : 3;
    program_.set_input("input", task_.spec.tokens ? numbers(in, step_, task_.classes, 3)
                                                  : waves(in, step_, dtype_));
    program_.set_input("target", numbers(batch_shape(task_.spec.batch, task_.spec.target), step_,
                                         task_.classes, factor));
    program_.set_input("lr", task_.lr);
    program_.set_input("step", static_cast<double>(step_));
    program_.run();
    return program_.output("loss").item();
  }

  // In the order of their names.
  std::vector<double> weights() const {
    std::vector<double> all;
    for (const auto& [name, state] : states_.all()) {
      if (parameters_.find(name)->role != ParameterRole::weight) continue;
      const std::vector<double> values = state.to_doubles();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

 private:
  Task task_;
  DType dtype_;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  Executable program_;
  int64_t step_ = 0;
};

Task task_named(const std::string& name) {
  if (name == "gpt") {
    const Gpt model{.vocabulary = 11, .context = 8, .layers = 2, .heads = 2, .width = 16};
    return {[=](Place& place, Value x) { return model.build(place, x); },
            {3, {8}, {8}, true},
            11,
            make_optimizer("adamw", 0.1),
            0.01};
  }
  if (name == "cnn") {
    const Cnn model{.channels = {4, 6}, .hidden = {10}, .classes = 4};
    return {[=](Place& place, Value x) { return model.build(place, x); },
            {5, {2, 8, 8}, {}, false},
            4,
            make_optimizer("nesterov"),
            0.05};
  }
  const LstmLm model{.vocabulary = 9, .width = 8, .hidden = 10, .layers = 2};
  return {[=](Place& place, Value x) { return model.build(place, x); },
          {3, {7}, {7}, true},
          9,
          make_optimizer("adam"),
          0.01,
          0.5};
}

class ReferenceLosses : public ::testing::TestWithParam<const char*> {};

TEST_P(ReferenceLosses, TenStepsAreThoseOfF64) {
  register_all_ops();
  const std::vector<double> expected =
      stored().tensors.at(std::string("model ") + GetParam()).to_doubles();
  ASSERT_EQ(expected.size(), 10u);
  EXPECT_GT(std::fabs(expected[9] - expected[0]), 0.01);  // it moves
  Training in_f32(task_named(GetParam()), DType::f32), in_f64(task_named(GetParam()), DType::f64);
  for (const double loss : expected) {
    EXPECT_NEAR(in_f32.step(), loss, 1e-5 * loss);
    EXPECT_NEAR(in_f64.step(), loss, 1e-12 * loss);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ReferenceLosses, ::testing::Values("gpt", "cnn", "lstm"),
                         [](const auto& info) { return std::string(info.param); });

std::vector<std::string> split_at_spaces(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Value two_layers(Place& place, Value x) {
  return linear_layer(place, "fc2", activation_layer(linear_layer(place, "fc1", x, 8), "tanh"), 3);
}

// Of every rule 100 steps, of Adam and AdamW 1,000.
TEST(ReferenceLosses, UpdateRulesArePyTorchs) {
  register_all_ops();
  int rules = 0;
  for (const auto& [name, losses] : stored().tensors) {
    if (!name.starts_with("optimizer.name=")) continue;
    ++rules;
    SCOPED_TRACE(name);
    const Recipe recipe = parse_recipe("", "test", split_at_spaces(name));
    Training training(
        {two_layers, {7, {6}, {}, false}, 3, make_optimizer(recipe), recipe.real("lr")},
        DType::f64);
    const std::vector<double> expected = losses.to_doubles();
    EXPECT_GE(expected.size(), 100u);
    double furthest = 0;
    for (const double loss : expected)
      furthest = std::max(furthest, std::fabs(training.step() - loss));
    EXPECT_LT(furthest, 1e-9);
    const std::vector<double> ours = training.weights();
    const std::vector<double> theirs = stored().tensors.at("weights " + name).to_doubles();
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-9) << i;
  }
  EXPECT_EQ(rules, 15);
}

}  // namespace
}  // namespace gradus
