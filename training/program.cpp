// SPDX-License-Identifier: Apache-2.0
#include "training/program.h"

#include <algorithm>
#include <limits>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/stepwise.h"
#include "engine/passes/passes.h"
#include "ops/ops.h"
#include "training/averages.h"
#include "training/gradient_shaping.h"
#include "training/name_pattern.h"
#include "training/objective.h"

namespace gradus {
namespace {

std::vector<Value> weights_of(Graph& graph, const ParameterTable& parameters) {
  std::vector<Value> weights;
  for (const Parameter& parameter : parameters.all())
    if (parameter.role == ParameterRole::weight)
      weights.push_back(graph.state(parameter.name, parameter.spec.dtype, parameter.spec.shape));
  return weights;
}

Value training_loss(const Predictions& predictions, const BatchSpec& spec,
                    const Optimizer& optimizer, Graph& graph, DType dtype) {
  const Regularisation& what = optimizer.regularisation;
  GRADUS_CHECK(!spec.numbers || (what.label_smoothing == 0 && !what.mixes),
               "label smoothing and mixing of samples are for classes, the targets are numbers");
  const Value loss = mean_loss(predictions, spec, what.label_smoothing, graph);
  if (!what.mixes) return loss;
  const Value partners =
      graph.input("partner_target", DType::i64, batch_shape(spec.batch, spec.target));
  const Value share = graph.input("own_share", dtype, {});
  const Predictions mixed{predictions.outputs, reshape(partners, predictions.targets.shape())};
  return loss * share + mean_loss(mixed, spec, what.label_smoothing, graph) * (1.0 - share);
}

// Whether the step is to leave everything as it is. What is not a number is below no limit.
Value add_guard(Graph& graph, Value loss, Value norm, DType dtype) {
  const Value loss_limit = graph.input("loss_limit", dtype, {});
  const Value norm_limit = graph.input("norm_limit", dtype, {});
  const Value good = logical_and(le(loss, loss_limit), le(cast(norm, dtype), norm_limit));
  const Value skip = logical_not(good);
  graph.output("skipped", skip);
  return skip;
}

void update_buffers(const Optimizer& optimizer, std::span<const std::pair<Value, Value>> buffers,
                    Value skip, Graph& graph) {
  for (const auto& [buffer, next] : buffers) {
    // Those of frozen layers stay with their weights.
    if (optimizer.frozen_until == 0 &&
        matches_any(optimizer.frozen, graph.node(buffer.node()).name))
      continue;
    graph.update(buffer, skip ? where(skip, buffer, next) : next);
  }
}

struct Backward {
  Value loss;
  std::vector<Value> weights, slopes;  // a slope is absent where there is none, or no use for it
  std::vector<std::pair<Value, Value>> buffers;  // and their next versions
};

// The output "loss", and the gradients of its share in a step of `micro_steps`.
Backward add_backward(const Model& model, const BatchSpec& spec, DType dtype,
                      const Optimizer& optimizer, int64_t micro_steps, Graph& graph,
                      ParameterTable& parameters) {
  Backward backward;
  Place place{graph, parameters, dtype, true};
  place.held_updates = &backward.buffers;
  const Predictions predictions = predict(model, spec, place);
  backward.loss = training_loss(predictions, spec, optimizer, graph, dtype);
  graph.output("loss", backward.loss);
  backward.weights = weights_of(graph, parameters);
  const Value share =
      micro_steps > 1 ? backward.loss * (1.0 / static_cast<double>(micro_steps)) : backward.loss;
  backward.slopes = gradients(share, backward.weights);
  drop_frozen(optimizer, parameters, backward.weights, backward.slopes);
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

Shape batch_shape(int64_t batch, Shape shape) {
  shape.insert(0, batch);
  return shape;
}

BatchSpec batch_spec(const Dataset& data, int64_t batch) {
  return {batch, data.sample_shape(), data.target_shape(), data.input_is_index(),
          data.classes() == 0};
}

std::shared_ptr<const Graph> training_graph(const Model& model, const BatchSpec& spec, DType dtype,
                                            const Optimizer& optimizer, double clip,
                                            ParameterTable& parameters, int64_t micro_steps) {
  auto graph = std::make_shared<Graph>();
  const Backward backward =
      add_backward(model, spec, dtype, optimizer, micro_steps, *graph, parameters);
  std::vector<Value> slopes = backward.slopes;
  const std::vector<Value> sums = accumulators(backward, *graph, parameters, micro_steps);
  for (size_t i = 0; i < sums.size(); ++i) {
    if (!sums[i]) continue;
    slopes[i] = sums[i] + slopes[i];
    graph->update(sums[i], zeros_like(sums[i]));  // for the next step
  }
  const Value lr = graph->input("lr", dtype, {}), step = graph->input("step", dtype, {});
  Value norm, skip;
  slopes = shaped_gradients(optimizer, clip, parameters, backward.weights, std::move(slopes), step,
                            optimizer.guarded, norm);
  if (norm) graph->output("grad_norm", norm);
  if (optimizer.guarded) skip = add_guard(*graph, backward.loss, norm, dtype);
  add_updates(optimizer, *graph, parameters, backward.weights, slopes, lr, step, skip);
  update_buffers(optimizer, backward.buffers, skip, *graph);
  if (optimizer.averaged)
    add_averages(*graph, parameters, graph->input("average_share", dtype, {}));
  return prepared(graph);
}

std::shared_ptr<const Graph> accumulation_graph(const Model& model, const BatchSpec& spec,
                                                DType dtype, const Optimizer& optimizer,
                                                ParameterTable& parameters, int64_t micro_steps) {
  auto graph = std::make_shared<Graph>();
  const Backward backward =
      add_backward(model, spec, dtype, optimizer, micro_steps, *graph, parameters);
  const std::vector<Value> sums = accumulators(backward, *graph, parameters, micro_steps);
  for (size_t i = 0; i < sums.size(); ++i)
    if (sums[i]) graph->update(sums[i], sums[i] + backward.slopes[i]);
  // Its sums take along what is not finite, and the step's update is left out for it.
  const Value lost = optimizer.guarded
                         ? logical_not(abs(backward.loss) <= std::numeric_limits<float>::max())
                         : Value();
  update_buffers(optimizer, backward.buffers, lost, *graph);
  return prepared(graph);
}

std::shared_ptr<const Graph> evaluation_graph(const Model& model, const BatchSpec& spec,
                                              DType dtype, ParameterTable& parameters,
                                              bool detailed) {
  auto graph = std::make_shared<Graph>();
  Place place{*graph, parameters, dtype, false};
  const Predictions predictions = predict(model, spec, place);
  add_sums(predictions, spec, *graph);
  if (detailed) add_details(predictions, spec, *graph);
  return prepared(graph);
}

std::shared_ptr<const Graph> prediction_graph(const Model& model, const BatchSpec& spec,
                                              DType dtype, ParameterTable& parameters) {
  auto graph = std::make_shared<Graph>();
  Place place{*graph, parameters, dtype, false};
  graph->output("outputs", model(place, graph->input("input", spec.tokens ? DType::i64 : dtype,
                                                     batch_shape(spec.batch, spec.sample))));
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
    : inputs(Tensor::zeros(spec.tokens ? DType::i64 : dtype, batch_shape(spec.batch, spec.sample))),
      targets(spec.numbers ? dtype : DType::i64, batch_shape(spec.batch, spec.target)) {
  clear_targets();
}

void HostBatch::clear_targets() {
  const int64_t count = targets.numel();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (targets.dtype() == DType::i64)
    std::fill_n(targets.data_as<int64_t>(), count, no_target);
  else if (targets.dtype() == DType::f32)
    std::fill_n(targets.data_as<float>(), count, static_cast<float>(nan));
  else
    std::fill_n(targets.data_as<double>(), count, nan);
}

}  // namespace gradus
