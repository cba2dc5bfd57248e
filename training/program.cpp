// SPDX-License-Identifier: Apache-2.0
#include "training/program.h"

#include "engine/autodiff/gradients.h"
#include "engine/exec/stepwise.h"
#include "engine/passes/passes.h"
#include "ops/ops.h"

namespace gradus {
namespace {

Shape with_batch(int64_t batch, Shape shape) {
  shape.insert(0, batch);
  return shape;
}

DType input_dtype(const BatchSpec& spec, DType dtype) { return spec.tokens ? DType::i64 : dtype; }

// Logits as (targets, classes) and targets as (targets).
struct Predictions {
  Value logits, targets;
};

Predictions predict(const Model& model, const BatchSpec& spec, Place& place) {
  const Value input = place.graph.input("input", input_dtype(spec, place.dtype),
                                        with_batch(spec.batch, spec.sample));
  const Value target = place.graph.input("target", DType::i64, with_batch(spec.batch, spec.target));
  const Value logits = model(place, input);
  const int64_t count = target.shape().numel();
  return {reshape(logits, {count, logits.shape()[logits.rank() - 1]}), reshape(target, {count})};
}

std::vector<Value> weights_of(Graph& graph, const ParameterTable& parameters) {
  std::vector<Value> weights;
  for (const Parameter& parameter : parameters.all())
    if (parameter.role == ParameterRole::weight)
      weights.push_back(graph.state(parameter.name, parameter.spec.dtype, parameter.spec.shape));
  return weights;
}

std::vector<Value> clipped(std::vector<Value> gradients, double clip, Graph& graph) {
  std::vector<Value> present;
  for (const Value& gradient : gradients)
    if (gradient) present.push_back(gradient);
  const std::vector<Value> results = apply("clip_grad_norm", present, {{"max_norm", clip}});
  graph.output("grad_norm", results[0]);
  size_t next = 1;
  for (Value& gradient : gradients)
    if (gradient) gradient = results[next++];
  return gradients;
}

struct Backward {
  std::vector<Value> weights, slopes;  // a slope is absent where the loss does not depend
};

// The output "loss", and the gradients of its share in a step of `micro_steps`.
Backward add_backward(const Model& model, const BatchSpec& spec, DType dtype, int64_t micro_steps,
                      Graph& graph, ParameterTable& parameters) {
  Place place{graph, parameters, dtype, true};
  const Predictions predictions = predict(model, spec, place);
  const Value loss = apply1("cross_entropy", {predictions.logits, predictions.targets});
  graph.output("loss", loss);
  Backward backward{weights_of(graph, parameters), {}};
  const Value share = micro_steps > 1 ? loss * (1.0 / static_cast<double>(micro_steps)) : loss;
  backward.slopes = gradients(share, backward.weights);
  return backward;
}

// The states in which the gradients of a step's micro-steps add up; absent where there is no
// gradient, and all of them in a step of one.
std::vector<Value> accumulators(const Backward& backward, Graph& graph, ParameterTable& parameters,
                                int64_t micro_steps) {
  std::vector<Value> sums(backward.weights.size());
  if (micro_steps == 1) return sums;
  for (size_t i = 0; i < sums.size(); ++i) {
    if (!backward.slopes[i]) continue;
    const Node& weight = graph.node(backward.weights[i].node());
    const std::string name = "optimizer.gradient." + weight.name;
    const TensorSpec spec = weight.outputs[0];
    parameters.add({name, spec, Initialiser::constant(0), ParameterRole::optimizer});
    sums[i] = graph.state(name, spec.dtype, spec.shape);
  }
  return sums;
}

}  // namespace

BatchSpec batch_spec(const Dataset& data, int64_t batch) {
  return {batch, data.sample_shape(), data.target_shape(), data.input_is_index()};
}

std::shared_ptr<const Graph> training_graph(const Model& model, const BatchSpec& spec, DType dtype,
                                            const Optimizer& optimizer, double clip,
                                            ParameterTable& parameters, int64_t micro_steps) {
  auto graph = std::make_shared<Graph>();
  Backward backward = add_backward(model, spec, dtype, micro_steps, *graph, parameters);
  const std::vector<Value> sums = accumulators(backward, *graph, parameters, micro_steps);
  for (size_t i = 0; i < sums.size(); ++i) {
    if (!sums[i]) continue;
    backward.slopes[i] = sums[i] + backward.slopes[i];
    graph->update(sums[i], zeros_like(sums[i]));  // for the next step
  }
  if (clip > 0) backward.slopes = clipped(std::move(backward.slopes), clip, *graph);
  const Value lr = graph->input("lr", dtype, {}), step = graph->input("step", dtype, {});
  add_updates(optimizer, *graph, parameters, backward.weights, backward.slopes, lr, step);
  return prepared(graph);
}

std::shared_ptr<const Graph> accumulation_graph(const Model& model, const BatchSpec& spec,
                                                DType dtype, ParameterTable& parameters,
                                                int64_t micro_steps) {
  auto graph = std::make_shared<Graph>();
  const Backward backward = add_backward(model, spec, dtype, micro_steps, *graph, parameters);
  const std::vector<Value> sums = accumulators(backward, *graph, parameters, micro_steps);
  for (size_t i = 0; i < sums.size(); ++i)
    if (sums[i]) graph->update(sums[i], sums[i] + backward.slopes[i]);
  return prepared(graph);
}

std::shared_ptr<const Graph> evaluation_graph(const Model& model, const BatchSpec& spec,
                                              DType dtype, ParameterTable& parameters) {
  auto graph = std::make_shared<Graph>();
  Place place{*graph, parameters, dtype, false};
  const Predictions predictions = predict(model, spec, place);
  graph->output("loss_sum", apply1("cross_entropy", {predictions.logits, predictions.targets},
                                   {{"reduction", "sum"}, {"ignore_index", no_target}}));
  const Value chosen = apply1("argmax", {predictions.logits}, {{"dim", -1}});
  graph->output("correct", sum(cast(eq(chosen, predictions.targets), DType::i64)));
  return prepared(graph);
}

std::shared_ptr<const Graph> prepared(std::shared_ptr<const Graph> graph) {
  const Evaluator evaluate = [](const Node& node, std::span<const Tensor> inputs) {
    return run_op(*node.op, node.attrs, inputs);
  };
  return run_passes(std::move(graph), standard_passes(evaluate));
}

void set_first_values(const ParameterTable& parameters, uint64_t seed, StateStore& states) {
  for (const Parameter& parameter : parameters.all()) {
    Tensor first(parameter.spec.dtype, parameter.spec.shape);
    initialise(first, parameter.init, seed, parameter.name);
    states.set(parameter.name, first);
  }
}

HostBatch::HostBatch(const BatchSpec& spec, DType dtype)
    : inputs(Tensor::zeros(input_dtype(spec, dtype), with_batch(spec.batch, spec.sample))),
      targets(Tensor::full(DType::i64, with_batch(spec.batch, spec.target),
                           static_cast<double>(no_target))) {}

}  // namespace gradus
