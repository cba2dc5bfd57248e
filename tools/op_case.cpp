// SPDX-License-Identifier: Apache-2.0
#include "tools/op_case.h"

#include <algorithm>
#include <cmath>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

// Uniform in [0, 1) with 32 random bits.
class Uniform {
 public:
  explicit Uniform(std::string_view stream) : key_(philox_key({}, path_id(stream))) {}
  double operator()() { return philox_word(key_, next_++) * 0x1p-32; }

 private:
  PhiloxKey key_;
  uint64_t next_ = 0;
};

// One value in each of as many equal parts of [lo, hi), shuffled. Their irrational place within the
// part, another for each input, keeps them off kinks at round numbers and off each other.
void fill_distinct(std::span<double> values, const SampleInput& input, size_t position,
                   Uniform& uniform) {
  const double golden = 0.6180339887498949 * static_cast<double>(position + 1);
  const double offset = golden - std::floor(golden), count = static_cast<double>(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = input.lo + (input.hi - input.lo) * (static_cast<double>(i) + offset) / count;
  for (size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[static_cast<size_t>(uniform() * static_cast<double>(i))]);
}

void fill_rows(std::span<double> values, int64_t row, Uniform& uniform) {
  for (size_t start = 0; start < values.size(); start += static_cast<size_t>(row)) {
    const std::span<double> part = values.subspan(start, static_cast<size_t>(row));
    double sum = 0;
    for (double& value : part) sum += value = 0.05 + uniform();
    for (double& value : part) value /= sum;
  }
}

void fill_offsets(std::span<double> values, const SampleInput& input, Uniform& uniform) {
  for (double& value : values) value = input.lo + std::floor((input.hi - input.lo + 1) * uniform());
  std::ranges::sort(values);
  if (values.empty()) return;
  values.front() = input.lo;
  values.back() = input.hi;
}

// `position` among the inputs.
Tensor make_input(const SampleInput& input, DType dtype, std::string_view stream, size_t position) {
  const Tensor wide(DType::f64, input.shape);
  const std::span<double> values(wide.data_as<double>(), static_cast<size_t>(wide.numel()));
  Uniform uniform(fmt::format("{}/{}", stream, position));
  const int rank = input.shape.rank();
  switch (input.fill) {
    case Fill::uniform:
      for (double& value : values) value = input.lo + (input.hi - input.lo) * uniform();
      break;
    case Fill::integers:
      for (double& value : values) value = std::floor(input.lo + (input.hi - input.lo) * uniform());
      break;
    case Fill::distinct:
      fill_distinct(values, input, position, uniform);
      break;
    case Fill::rows:
      fill_rows(values, rank > 0 ? std::max<int64_t>(input.shape[rank - 1], 1) : 1, uniform);
      break;
    case Fill::offsets:
      fill_offsets(values, input, uniform);
      break;
  }
  return wide.cast(dtype);
}

}  // namespace

std::vector<Tensor> sample_inputs(const Sample& sample, DType floats, std::string_view stream) {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    const SampleInput& input = sample.inputs[i];
    const DType dtype = is_floating(input.dtype) ? floats : input.dtype;
    tensors.push_back(input.present ? make_input(input, dtype, stream, i) : Tensor());
  }
  return tensors;
}

Tensor random_tensor(DType dtype, const Shape& shape, std::string_view stream) {
  return make_input({.shape = shape}, dtype, stream, 0);
}

std::string describe(const OpCase& op_case) {
  std::string text = fmt::format("{}(", op_case.op->name);
  for (size_t i = 0; i < op_case.inputs.size(); ++i) {
    const Tensor& input = op_case.inputs[i];
    text += fmt::format(
        "{}{}", i ? ", " : "",
        input ? to_string(TensorSpec{input.dtype(), input.shape()}) : std::string("absent"));
  }
  if (!op_case.attrs.empty()) text += op_case.inputs.empty() ? "{" : ", {";
  for (size_t i = 0; i < op_case.attrs.size(); ++i)
    text += fmt::format("{}{}: {}", i ? ", " : "", op_case.attrs[i].first,
                        to_string(op_case.attrs[i].second));
  return text + (op_case.attrs.empty() ? ")" : "})");
}

OpGraph::OpGraph(const OpCase& op_case, int order) {
  const OpDef& op = *op_case.op;
  for (size_t i = 0; i < op_case.inputs.size(); ++i) {
    const Tensor& tensor = op_case.inputs[i];
    inputs_.push_back(tensor ? graph_->input(std::to_string(i), tensor.dtype(), tensor.shape())
                             : Value());
    if (op.inputs.empty()) continue;  // apply() below says that there are too many
    const InputSpec& spec = op.inputs[std::min(i, op.inputs.size() - 1)];
    if (tensor && spec.differentiable && is_floating(tensor.dtype())) differentiable_.push_back(i);
  }
  outputs_ = graph_->apply(op, inputs_, op_case.attrs);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i] && !outputs_[i].spec().present) outputs_[i] = Value();
    if (!outputs_[i]) continue;
    graph_->output(std::to_string(i), outputs_[i]);
    if (is_floating(outputs_[i].dtype())) floating_outputs_.push_back(i);
  }
  if (order == 0) return;
  GRADUS_CHECK(!floating_outputs_.empty(), "[{}] has no gradient: it gives no floating output{}",
               op.name, op.no_grad.empty() ? "" : fmt::format(" ({})", op.no_grad));
  add_gradients(order);
}

void OpGraph::add_gradients(int order) {
  std::vector<Value> targets, seeds, wrt;
  for (size_t i : floating_outputs_) {
    targets.push_back(outputs_[i]);
    seeds.push_back(
        graph_->input(fmt::format("grad_output.{}", i), outputs_[i].dtype(), outputs_[i].shape()));
  }
  for (size_t i : differentiable_) wrt.push_back(inputs_[i]);
  const std::vector<Value> first = gradients(targets, seeds, wrt);
  std::vector<Value> second_targets, second_seeds;
  for (size_t k = 0; k < first.size(); ++k) {
    if (!first[k]) continue;
    const size_t position = differentiable_[k];
    graph_->output(fmt::format("grad.{}", position), first[k]);
    if (order < 2) continue;
    second_targets.push_back(first[k]);
    second_seeds.push_back(
        graph_->input(fmt::format("grad_grad.{}", position), first[k].dtype(), first[k].shape()));
  }
  if (second_targets.empty()) return;
  wrt.insert(wrt.end(), seeds.begin(), seeds.end());
  const std::vector<Value> second = gradients(second_targets, second_seeds, wrt);
  for (size_t k = 0; k < second.size(); ++k) {
    const bool of_input = k < differentiable_.size();
    if (second[k])
      graph_->output(
          of_input ? fmt::format("grad2.{}", differentiable_[k])
                   : fmt::format("grad2_output.{}", floating_outputs_[k - differentiable_.size()]),
          second[k]);
  }
}

TensorMap OpGraph::run(const TensorMap& inputs, const StepwiseOptions& options) const {
  TensorMap states;
  return run_stepwise(*graph_, inputs, states, options);
}

TensorMap named_inputs(const OpCase& op_case) {
  TensorMap named;
  for (size_t i = 0; i < op_case.inputs.size(); ++i)
    if (op_case.inputs[i]) named[std::to_string(i)] = op_case.inputs[i];
  return named;
}

}  // namespace gradus
