// SPDX-License-Identifier: Apache-2.0
#include "training/step.h"

#include "engine/base/error.h"

namespace gradus {

TensorMap first_states(const ParameterTable& parameters, uint64_t seed, Device& device) {
  TensorMap states;
  for (const Parameter& parameter : parameters.all()) {
    Tensor tensor(parameter.spec.dtype, parameter.spec.shape);
    initialise(tensor, parameter.init, seed, parameter.name);
    states[parameter.name] = &device == &cpu_device() ? tensor : tensor.to(device);
  }
  return states;
}

Step::Step(std::unique_ptr<const Graph> graph, TensorMap& states, Device& device)
    : graph_(std::move(graph)), states_(states), device_(device) {
  for (int index : graph_->inputs()) {
    const Node& node = graph_->node(index);
    inputs_[node.name] = Tensor::zeros(node.outputs[0].dtype, node.outputs[0].shape);
  }
}

Tensor& Step::input(std::string_view name) {
  const auto found = inputs_.find(name);
  GRADUS_ASSERT(found != inputs_.end(), "the step has no input '{}'", name);
  return found->second;
}

void Step::set_input(std::string_view name, double value) {
  Tensor& tensor = input(name);
  tensor.copy_from(Tensor::full(tensor.dtype(), tensor.shape(), value));
}

void Step::run(const RngState& rng) {
  StepwiseOptions options;
  options.device = &device_;
  options.rng = rng;
  if (&device_ == &cpu_device()) {
    outputs_ = run_stepwise(*graph_, inputs_, states_, options);
    return;
  }
  TensorMap moved;
  for (const auto& [name, tensor] : inputs_) moved[name] = tensor.to(device_);
  outputs_ = run_stepwise(*graph_, moved, states_, options);
}

double Step::output(std::string_view name) const {
  const auto found = outputs_.find(name);
  GRADUS_ASSERT(found != outputs_.end(), "the step has no output '{}'", name);
  return found->second.item();
}

}  // namespace gradus
