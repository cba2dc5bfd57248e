// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/control_flow.h"

#include "engine/base/error.h"

namespace gradus {
namespace {

std::vector<Tensor> run_body(const Graph& body, std::span<const Tensor> inputs,
                             const StepwiseOptions& options) {
  TensorMap named, no_states;
  for (size_t i = 0; i < inputs.size(); ++i) named[body.node(body.inputs()[i]).name] = inputs[i];
  const TensorMap results = run_stepwise(body, named, no_states, options);
  std::vector<Tensor> outputs;
  for (const NamedValue& output : body.outputs()) outputs.push_back(results.at(output.name));
  return outputs;
}

Tensor scalar(int64_t value, Device& device) {
  return Tensor::from<int64_t>(DType::i64, {}, std::span(&value, 1)).to(device);
}

// (trip count, condition, carried..., captured...)
std::vector<Tensor> run_loop(const Node& node, std::span<const Tensor> inputs,
                             const StepwiseOptions& options) {
  const size_t carried_count = static_cast<size_t>(node.carried);
  const int64_t trips = *inputs[0].to(cpu_device()).data_as<int64_t>();
  bool go_on = inputs[1].item() != 0;
  std::vector<Tensor> carried(inputs.begin() + 2,
                              inputs.begin() + 2 + static_cast<int64_t>(carried_count));
  for (int64_t i = 0; go_on && i < trips; ++i) {
    std::vector<Tensor> arguments{scalar(i, *options.device)};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    arguments.insert(arguments.end(), inputs.begin() + 2 + static_cast<int64_t>(carried_count),
                     inputs.end());
    std::vector<Tensor> results = run_body(*node.subgraphs[0], arguments, options);
    go_on = results[0].item() != 0;
    carried.assign(results.begin() + 1, results.end());
  }
  return carried;
}

// The `index`-th of the equal parts of `whole` along dim 0, sharing its memory.
Tensor part(const Tensor& whole, int64_t index) {
  Shape shape = whole.shape();
  shape.erase(0);
  const int64_t bytes = dtype_bytes(whole.dtype(), shape.numel());
  auto memory = std::make_shared<Buffer>(whole.device(),
                                         static_cast<char*>(whole.data()) + index * bytes, bytes);
  return {std::move(memory), 0, whole.dtype(), shape};
}

// (carried..., scanned..., captured...)
std::vector<Tensor> run_scan(const Node& node, std::span<const Tensor> inputs,
                             const StepwiseOptions& options) {
  const Graph& body = *node.subgraphs[0];
  const size_t carried_count = static_cast<size_t>(node.carried);
  std::vector<Tensor> carried(inputs.begin(), inputs.begin() + static_cast<int64_t>(carried_count)),
      stacked;
  for (size_t k = carried_count; k < node.outputs.size(); ++k)
    stacked.emplace_back(node.outputs[k].dtype, node.outputs[k].shape, *options.device);
  // Scanned inputs are those whose body input lacks their dim 0.
  const int64_t length = inputs[carried_count].shape()[0];
  for (int64_t step = 0; step < length; ++step) {
    std::vector<Tensor> arguments = carried;
    for (size_t k = carried_count; k < inputs.size(); ++k) {
      const bool is_scanned =
          body.node(body.inputs()[k]).outputs[0].shape.rank() < inputs[k].shape().rank();
      arguments.push_back(is_scanned ? part(inputs[k], step) : inputs[k]);
    }
    const std::vector<Tensor> results = run_body(body, arguments, options);
    carried.assign(results.begin(), results.begin() + static_cast<int64_t>(carried_count));
    for (size_t k = 0; k < stacked.size(); ++k)
      part(stacked[k], step).copy_from(results[carried_count + k]);
  }
  carried.insert(carried.end(), stacked.begin(), stacked.end());
  return carried;
}

}  // namespace

std::vector<Tensor> run_control_flow(const Node& node, std::span<const Tensor> inputs,
                                     const StepwiseOptions& options) {
  switch (node.kind) {
    case NodeKind::branch:
      return run_body(*node.subgraphs[inputs[0].item() != 0 ? 0 : 1], inputs.subspan(1), options);
    case NodeKind::loop:
      return run_loop(node, inputs, options);
    case NodeKind::scan:
      return run_scan(node, inputs, options);
    default:
      GRADUS_ASSERT(false, "node '{}' holds no graph", node.name);
  }
}

}  // namespace gradus
