// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/stepwise.h"

#include "engine/base/error.h"
#include "engine/exec/control_flow.h"
#include "engine/exec/kernel_call.h"

namespace gradus {
namespace {

TensorSpec spec_of(const Tensor& tensor) {
  return tensor ? TensorSpec{tensor.dtype(), tensor.shape()} : TensorSpec::absent();
}

const Tensor& look_up(const TensorMap& tensors, const Node& node, std::string_view what) {
  const auto found = tensors.find(node.name);
  GRADUS_CHECK(found != tensors.end(), "{} '{}' ({}) was not given", what, node.name,
               to_string(node.outputs[0]));
  GRADUS_CHECK(spec_of(found->second) == node.outputs[0], "{} '{}', expected {}, got {}", what,
               node.name, to_string(node.outputs[0]), to_string(spec_of(found->second)));
  return found->second;
}

// How many readers each value still has; outputs and updates count as readers that never finish.
std::map<ValueRef, int> count_readers(const Graph& graph) {
  std::map<ValueRef, int> readers;
  for (const Node& node : graph.nodes())
    for (const ValueRef& input : node.inputs)
      if (input.present()) ++readers[input];
  for (const NamedValue& output : graph.outputs()) ++readers[output.value];
  for (const NamedValue& update : graph.updates()) ++readers[update.value];
  return readers;
}

}  // namespace

std::vector<Tensor> run_op(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs,
                           const StepwiseOptions& options, std::string_view variant) {
  Device& device = *options.device;
  std::vector<TensorSpec> specs;
  std::vector<void*> in, out;
  for (const Tensor& input : inputs) {
    specs.push_back(spec_of(input));
    in.push_back(input ? input.data() : nullptr);
  }
  std::vector<Tensor> outputs;
  const std::vector<TensorSpec> out_specs = op.infer({op.name, specs, attrs});
  if (op.view) return {inputs[0].reshape(out_specs[0].shape)};
  for (const TensorSpec& spec : out_specs) {
    outputs.push_back(spec.present ? Tensor(spec.dtype, spec.shape, device) : Tensor());
    out.push_back(spec.present ? outputs.back().data() : nullptr);
  }
  KernelCall call(op, attrs, specs, out_specs, device, variant);
  const Buffer workspace(device, call.workspace_bytes());
  const Buffer rng(device, op.random ? static_cast<int64_t>(sizeof(RngState)) : 0);
  const StreamHandle stream = device.default_stream();
  if (op.random) device.copy_from_host(rng.data(), &options.rng, sizeof(RngState), stream);
  call.bind(in, out, workspace.data(), stream, static_cast<const RngState*>(rng.data()));
  call.run();
  device.synchronize(stream);
  return outputs;
}

TensorMap run_stepwise(const Graph& graph, const TensorMap& inputs, TensorMap& states,
                       const StepwiseOptions& options) {
  std::map<ValueRef, int> readers = count_readers(graph);
  std::map<ValueRef, Tensor> values;
  for (int index = 0; index < static_cast<int>(graph.nodes().size()); ++index) {
    const Node& node = graph.node(index);
    if (node.kind == NodeKind::op || !node.subgraphs.empty()) {
      std::vector<Tensor> arguments;
      for (const ValueRef& input : node.inputs)
        arguments.push_back(input.present() ? values.at(input) : Tensor());
      const std::vector<Tensor> results = node.kind == NodeKind::op
                                              ? run_op(*node.op, node.attrs, arguments, options)
                                              : run_control_flow(node, arguments, options);
      if (options.observe) options.observe(node, results);
      for (size_t k = 0; k < results.size(); ++k)
        if (readers[{index, static_cast<int>(k)}] > 0)
          values[{index, static_cast<int>(k)}] = results[k];
      for (const ValueRef& input : node.inputs)
        if (input.present() && --readers[input] == 0) values.erase(input);
    } else if (node.kind == NodeKind::constant) {
      values[{index, 0}] = node.constant.to(*options.device);
    } else {
      values[{index, 0}] = node.kind == NodeKind::input ? look_up(inputs, node, "input")
                                                        : look_up(states, node, "state");
    }
  }
  TensorMap outputs;
  for (const NamedValue& output : graph.outputs()) outputs[output.name] = values.at(output.value);
  for (const NamedValue& update : graph.updates()) states[update.name] = values.at(update.value);
  return outputs;
}

}  // namespace gradus
