// SPDX-License-Identifier: Apache-2.0
// Ten steps of small models against PyTorch in f64 (tests/suites/training_losses.py): losses, and
// norms of gradients where they are clipped. Both sides make weights and batches from the same
// hashes.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/io/safetensors.h"
#include "models/cnn.h"
#include "models/gpt.h"
#include "models/lstm_lm.h"
#include "models/mlp.h"
#include "ops/all_ops.h"
#include "tests/support/program.h"
#include "training/program.h"

namespace gradus {
namespace {

constexpr int64_t steps = 10, batches = 2, vocabulary = 61, classes = 10;

// As CASES in training_losses.py.
struct Case {
  std::string name;
  Model model;
  double weight_scale;
  BatchSpec spec;
  Optimizer rule;
  double lr, clip;
};

Model built(const auto& model) {
  return [model](Place& place, Value x) { return model.build(place, x); };
}

Case case_of(const std::string& name) {
  if (name == "mlp") {
    const Mlp model{.hidden = {48, 32}, .classes = classes};
    return {name, built(model), 0.5, {16, {20}, {}}, make_optimizer("nesterov", 0.01), 0.1, 0};
  }
  if (name == "cnn") {
    const Cnn model{.channels = {16, 32}, .hidden = {24}, .classes = classes};
    const BatchSpec spec{8, {3, 16, 16}, {}};
    return {name, built(model), 0.25, spec, make_optimizer("momentum"), 0.02, 0};
  }
  if (name == "lstm") {
    const LstmLm model{.vocabulary = vocabulary, .width = 32, .hidden = 40, .layers = 2};
    return {name, built(model), 0.5, {4, {20}, {20}, true}, make_optimizer("adam"), 0.01, 0.1};
  }
  const Gpt model{.vocabulary = vocabulary, .context = 32, .layers = 2, .heads = 3, .width = 48};
  return {name, built(model), 0.5, {4, {24}, {24}, true}, make_optimizer("adamw", 0.1), 0.003, 1};
}

// murmur3's finaliser over FNV-1a of the name plus the index.
uint32_t hash(std::string_view name, int64_t index) {
  uint32_t x = 2166136261u;
  for (const char c : name) x = (x ^ static_cast<uint8_t>(c)) * 16777619u;
  x += static_cast<uint32_t>(index);
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

// In [-0.5, 0.5), of 24 bits.
double centred(std::string_view name, int64_t index) {
  return static_cast<double>(hash(name, index) >> 8) * 0x1p-24 - 0.5;
}

Tensor filled(DType dtype, const Shape& shape, const auto& value_of) {
  Tensor result(DType::f64, shape);
  for (int64_t i = 0; i < result.numel(); ++i) result.data_as<double>()[i] = value_of(i);
  return result.cast(dtype);
}

Tensor weight_of(const Parameter& parameter, double scale) {
  const bool is_norm = parameter.spec.shape.rank() == 1 && parameter.name.ends_with(".weight");
  const Tensor values = filled(DType::f32, parameter.spec.shape, [&](int64_t i) {
    const double x = centred(parameter.name, i);
    return is_norm ? 1 + x / 4 : x * scale;
  });
  return values.cast(parameter.spec.dtype);
}

HostBatch batch_of(const BatchSpec& spec, DType dtype, int64_t number) {
  HostBatch batch(spec, dtype);
  const Shape inputs = batch.inputs.shape(), targets = batch.targets.shape();
  const auto name = [&](const char* what) { return what + std::to_string(number); };
  if (!spec.tokens) {
    const auto number_of = [&](int64_t i) { return 4 * centred(name("input."), i); };
    const auto class_of = [&](int64_t i) {
      return static_cast<double>(hash(name("target."), i) % classes);
    };
    batch.inputs = filled(dtype, inputs, number_of);
    batch.targets = filled(DType::i64, targets, class_of);
    return batch;
  }
  // Rows of one token more, of which the targets are all but the first.
  const int64_t length = inputs[1];
  const auto token = [&](int64_t i, int64_t shift) {
    const int64_t place = i / length * (length + 1) + i % length + shift;
    return static_cast<double>(hash(name("tokens."), place) % vocabulary);
  };
  batch.inputs = filled(DType::i64, inputs, [&](int64_t i) { return token(i, 0); });
  batch.targets = filled(DType::i64, targets, [&](int64_t i) { return token(i, 1); });
  return batch;
}

struct Table {
  std::vector<double> losses, norms;
};

Table train(const Case& what, DType dtype) {
  ParameterTable parameters;
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  Executable program(training_graph(what.model, what.spec, dtype, what.rule, what.clip, parameters),
                     states, arena);
  set_first_values(parameters, 1, states);
  for (const Parameter& parameter : parameters.all())
    if (parameter.role == ParameterRole::weight)
      states.set(parameter.name, weight_of(parameter, what.weight_scale));
  Table table;
  for (int64_t step = 0; step < steps; ++step) {
    const HostBatch batch = batch_of(what.spec, dtype, step % batches);
    program.input("input").copy_from(batch.inputs);
    program.input("target").copy_from(batch.targets);
    program.set_input("lr", what.lr);
    program.set_input("step", static_cast<double>(step + 1));
    program.run();
    table.losses.push_back(program.output("loss").item());
    if (what.clip > 0) table.norms.push_back(program.output("grad_norm").item());
  }
  return table;
}

double largest_error(const std::vector<double>& got, const std::vector<double>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(got[i] - expected[i]) / std::fabs(expected[i]);
    largest = error <= largest ? largest : error;  // NaN stays
  }
  return largest;
}

class ReferenceLosses : public ::testing::TestWithParam<const char*> {};

TEST_P(ReferenceLosses, agree_over_ten_steps) {
  register_all_ops();
  const std::string path = testing::source_path("tests/vectors/training_losses.safetensors");
  const NamedTensors stored = load_safetensors(path).tensors;
  const Case what = case_of(GetParam());
  const std::vector<double> losses = stored.at(what.name + ".losses").to_doubles();
  ASSERT_EQ(losses.size(), static_cast<size_t>(steps));
  // Otherwise the updates would not be seen.
  ASSERT_LT(*std::ranges::min_element(losses), losses[0] * 0.95);
  for (const DType dtype : {DType::f64, DType::f32}) {
    const double allowed = dtype == DType::f64 ? 1e-12 : 1e-5;
    const Table table = train(what, dtype);
    EXPECT_LE(largest_error(table.losses, losses), allowed) << dtype_name(dtype);
    if (what.clip == 0) continue;
    const std::vector<double> norms = stored.at(what.name + ".norms").to_doubles();
    ASSERT_GT(*std::ranges::max_element(norms), what.clip);
    EXPECT_LE(largest_error(table.norms, norms), allowed) << dtype_name(dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, ReferenceLosses, ::testing::Values("mlp", "cnn", "lstm", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gradus
