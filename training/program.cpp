// SPDX-License-Identifier: Apache-2.0
#include "training/program.h"

#include <algorithm>
#include <cfloat>
#include <limits>

#include <fmt/format.h>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/stepwise.h"
#include "engine/passes/passes.h"
#include "ops/ops.h"
#include "training/averages.h"
#include "training/gradient_shaping.h"
#include "training/name_pattern.h"
#include "training/objective.h"
#include "training/sharpness.h"
#include "training/weight_rules.h"

namespace gradus {
namespace {

std::vector<Value> weights_of(Graph& graph, const ParameterTable& parameters) {
  std::vector<Value> weights;
  for (const Parameter& parameter : parameters.all())
    if (parameter.role == ParameterRole::weight)
      weights.push_back(graph.state(parameter.name, parameter.spec.dtype, parameter.spec.shape));
  return weights;
}

// The loss of a batch, whole or in its two parts (then `weight` is present).
struct TrainingLoss {
  Value value, weight;
};

TrainingLoss training_loss(const Predictions& predictions, const BatchSpec& spec,
                           const Optimizer& optimizer, bool in_parts, Graph& graph, DType dtype) {
  const Regularisation& what = optimizer.regularisation;
  GRADUS_CHECK(!spec.numbers || (what.label_smoothing == 0 && !what.mixes),
               "label smoothing and mixing of samples are for classes, the targets are {}",
               spec.labels ? "labels" : "numbers");
  check_loss(spec.loss, spec.head(), what.label_smoothing);
  const auto loss_of = [&](const Predictions& batch) -> TrainingLoss {
    if (!in_parts) return {mean_loss(batch, spec, what.label_smoothing, graph), {}};
    const LossParts parts = loss_parts(batch, spec, what.label_smoothing, graph);
    return {parts.sum, parts.weight};
  };
  TrainingLoss loss = loss_of(predictions);
  if (!what.mixes) return loss;
  const Value partners =
      graph.input("partner_target", DType::i64, batch_shape(spec.batch, spec.target));
  const Value share = graph.input("own_share", dtype, {});
  const Predictions mixed{predictions.outputs, reshape(partners, predictions.targets.shape())};
  // Partners are the same samples in another order: their weight is the same.
  loss.value = loss.value * share + loss_of(mixed).value * (1.0 - share);
  return loss;
}

// Whether the step is to leave everything as it is. What is not a number is below no limit.
Value add_guard(Graph& graph, Value loss, Value norm, DType dtype) {
  const Value loss_limit = graph.input("loss_limit", dtype, {});
  const Value norm_limit = graph.input("norm_limit", dtype, {});
  const Value good =
      logical_and(le(cast(loss, dtype), loss_limit), le(cast(norm, dtype), norm_limit));
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
  Value loss;                          // of the batch; of a micro-batch its sum,
  Value weight;                        // to be divided by the weight of all of them
  std::vector<Value> weights, slopes;  // a slope is absent where there is none, or no use for it
  std::vector<std::pair<Value, Value>> buffers;  // and their next versions
  Value scale;                                   // of the slopes; absent: 1
  int first_node = 0;                            // of the backward pass
};

// The loss and its gradients.
Backward add_backward(const Model& model, const BatchSpec& spec, DType dtype,
                      const Optimizer& optimizer, const StepForm& form, Graph& graph,
                      ParameterTable& parameters) {
  Backward backward;
  Place place{graph, parameters, dtype, true};
  place.held_updates = &backward.buffers;
  const Predictions predictions = predict(model, spec, place);
  const TrainingLoss loss =
      training_loss(predictions, spec, optimizer, form.micro_steps > 1, graph, dtype);
  backward.loss = loss.value;
  backward.weight = loss.weight;
  backward.weights = weights_of(graph, parameters);
  backward.first_node = static_cast<int>(graph.nodes().size());
  if (form.scaled()) backward.scale = graph.input("loss_scale", DType::f32, {});
  const Value target = backward.scale ? backward.loss * backward.scale : backward.loss;
  backward.slopes = gradients(target, backward.weights);
  drop_frozen(optimizer, parameters, backward.weights, backward.slopes);
  if (optimizer.sharpness > 0)
    backward.slopes =
        sharp_gradients(target, backward.weights, backward.slopes, optimizer.sharpness);
  return backward;
}

// What the micro-steps of a step add up, as states: absent where there is no gradient, and all of
// them in a step of one.
struct RunningSums {
  Value loss, weight;            // f64
  std::vector<Value> gradients;  // by weight
};

Value running_sum(Graph& graph, ParameterTable& parameters, std::string_view name,
                  const TensorSpec& spec) {
  const std::string path = fmt::format("{}{}", running_sum_prefix, name);
  parameters.add({path, spec, Initialiser::constant(0), ParameterRole::optimizer});
  return graph.state(path, spec.dtype, spec.shape);
}

RunningSums running_sums(const Backward& backward, Graph& graph, ParameterTable& parameters) {
  RunningSums sums;
  sums.gradients.resize(backward.weights.size());
  if (!backward.weight) return sums;
  // No weight has a name with a slash.
  sums.loss = running_sum(graph, parameters, "step/loss", {DType::f64, {}});
  sums.weight = running_sum(graph, parameters, "step/weight", {DType::f64, {}});
  for (size_t i = 0; i < sums.gradients.size(); ++i) {
    if (!backward.slopes[i]) continue;
    const Node& weight = graph.node(backward.weights[i].node());
    sums.gradients[i] = running_sum(graph, parameters, weight.name, weight.outputs[0]);
  }
  return sums;
}

// Makes loss and gradients those of the whole step, and the sums 0 again.
void finish_sums(const RunningSums& sums, const BatchSpec& spec, Backward& backward, Graph& graph) {
  if (!sums.loss) return;
  const Value weight = sums.weight + backward.weight;
  const auto [loss, slope] =
      whole_loss((sums.loss + cast(backward.loss, DType::f64)) / weight, spec);
  const Value factor = slope ? slope / weight : 1.0 / weight;
  backward.loss = loss;
  graph.update(sums.loss, zeros_like(sums.loss));
  graph.update(sums.weight, zeros_like(sums.weight));
  for (size_t i = 0; i < sums.gradients.size(); ++i) {
    const Value sum = sums.gradients[i];
    if (!sum) continue;
    backward.slopes[i] = (sum + backward.slopes[i]) * cast(factor, sum.dtype());
    graph.update(sum, zeros_like(sum));
  }
}

void take_scale_off(Backward& backward) {
  if (!backward.scale) return;
  const Value inverse = 1.0 / backward.scale;
  for (Value& slope : backward.slopes)
    if (slope) slope = cast(slope, DType::f32) * inverse;
}

// Whether the step is to be left out; absent: never.
Value add_skip(const Optimizer& optimizer, const Backward& backward, Value norm, Graph& graph,
               DType dtype) {
  if (optimizer.guarded) return add_guard(graph, backward.loss, norm, dtype);
  if (!backward.scale) return {};
  const Value skip = logical_not(cast(norm, dtype) <= std::numeric_limits<float>::max());
  graph.output("skipped", skip);
  return skip;
}

// A step of several micro-steps that is left out takes back what the earlier ones did to running
// statistics: these are kept beside.
void keep_buffers(const Optimizer& optimizer, std::vector<std::pair<Value, Value>>& buffers,
                  Value skip, Graph& graph, ParameterTable& parameters) {
  for (auto& [buffer, next] : buffers) {
    const std::string name = graph.node(buffer.node()).name;
    if (optimizer.frozen_until == 0 && matches_any(optimizer.frozen, name)) continue;
    Parameter parameter = *parameters.find(name);
    parameter.name = kept_name(name);
    parameter.role = ParameterRole::optimizer;
    parameters.add(parameter);
    const Value kept = graph.state(parameter.name, parameter.spec.dtype, parameter.spec.shape);
    next = where(skip, kept, next);
    graph.update(kept, next);
  }
}

std::shared_ptr<const Graph> finished(std::shared_ptr<const Graph> graph, const StepForm& form,
                                      const Backward& backward, const ParameterTable& parameters) {
  if (form.recompute) graph = recompute(*graph, {backward.first_node, block_prefixes(parameters)});
  if (form.low) graph = autocast(*graph, *form.low);
  return form.passes ? prepared(std::move(graph)) : graph;
}

// The program that L-BFGS asks for loss and gradient, several times a step.
std::shared_ptr<const Graph> gradient_graph(const Model& model, const BatchSpec& spec, DType dtype,
                                            const Optimizer& optimizer, ParameterTable& parameters,
                                            const StepForm& form) {
  auto graph = std::make_shared<Graph>();
  const Backward backward = add_backward(model, spec, dtype, optimizer, form, *graph, parameters);
  graph->output("loss", backward.loss);
  declare_lbfgs(*optimizer.lbfgs, dtype, parameters);
  std::vector<Value> parts;
  for (size_t i = 0; i < backward.weights.size(); ++i) {
    const Shape flat{backward.weights[i].shape().numel()};
    const Value& slope = backward.slopes[i];
    parts.push_back(slope ? reshape(slope, flat) : graph->full(flat, 0, dtype));
  }
  const Value all = apply1("cat", parts, {{"dim", int64_t{0}}});
  graph->update(graph->state(lbfgs_gradient, dtype, all.shape()), all);
  update_buffers(optimizer, backward.buffers, {}, *graph);
  return finished(graph, form, backward, parameters);
}

}  // namespace

Shape batch_shape(int64_t batch, Shape shape) {
  shape.insert(0, batch);
  return shape;
}

BatchSpec batch_spec(const Dataset& data, int64_t batch) {
  return {.batch = batch,
          .sample = data.sample_shape(),
          .target = data.target_shape(),
          .tokens = data.input_is_index(),
          .numbers = data.classes() == 0,
          .labels = data.targets_are_labels()};
}

std::string kept_name(std::string_view buffer) { return fmt::format("optimizer.kept.{}", buffer); }

std::shared_ptr<const Graph> training_graph(const Model& model, const BatchSpec& spec, DType dtype,
                                            const Optimizer& optimizer, double clip,
                                            ParameterTable& parameters, const StepForm& form) {
  if (optimizer.lbfgs) return gradient_graph(model, spec, dtype, optimizer, parameters, form);
  auto graph = std::make_shared<Graph>();
  Backward backward = add_backward(model, spec, dtype, optimizer, form, *graph, parameters);
  finish_sums(running_sums(backward, *graph, parameters), spec, backward, *graph);
  take_scale_off(backward);
  graph->output("loss", backward.loss);
  const Value lr = graph->input("lr", dtype, {}), step = graph->input("step", dtype, {});
  Value norm;
  const std::vector<Value> slopes =
      shaped_gradients(optimizer, clip, parameters, backward.weights, std::move(backward.slopes),
                       step, optimizer.guarded || form.scaled(), norm);
  if (norm) graph->output("grad_norm", norm);
  const Value skip = add_skip(optimizer, backward, norm, *graph, dtype);
  if (skip && form.micro_steps > 1)
    keep_buffers(optimizer, backward.buffers, skip, *graph, parameters);
  add_updates(optimizer, *graph, parameters, backward.weights, slopes, lr, step, skip);
  update_buffers(optimizer, backward.buffers, form.micro_steps > 1 ? Value() : skip, *graph);
  if (optimizer.averaged)
    add_averages(*graph, parameters, graph->input("average_share", dtype, {}));
  return finished(graph, form, backward, parameters);
}

std::shared_ptr<const Graph> accumulation_graph(const Model& model, const BatchSpec& spec,
                                                DType dtype, const Optimizer& optimizer,
                                                ParameterTable& parameters, const StepForm& form) {
  GRADUS_ASSERT(form.micro_steps > 1, "an accumulation of {} micro-steps", form.micro_steps);
  auto graph = std::make_shared<Graph>();
  const Backward backward = add_backward(model, spec, dtype, optimizer, form, *graph, parameters);
  const RunningSums sums = running_sums(backward, *graph, parameters);
  const Value loss = cast(backward.loss, DType::f64);
  // Of a micro-batch without targets 0.
  const Value weight = maximum(backward.weight, graph->scalar(DBL_MIN, DType::f64));
  graph->output("loss", whole_loss(loss / weight, spec).value);
  graph->update(sums.loss, sums.loss + loss);
  graph->update(sums.weight, sums.weight + backward.weight);
  for (size_t i = 0; i < sums.gradients.size(); ++i)
    if (sums.gradients[i]) graph->update(sums.gradients[i], sums.gradients[i] + backward.slopes[i]);
  // The sums take along what is not finite, and the step's update is left out for it.
  const Value lost = optimizer.guarded
                         ? logical_not(abs(backward.loss) <= std::numeric_limits<float>::max())
                         : Value();
  update_buffers(optimizer, backward.buffers, lost, *graph);
  return finished(graph, form, backward, parameters);
}

std::shared_ptr<const Graph> evaluation_graph(const Model& model, const BatchSpec& spec,
                                              DType dtype, ParameterTable& parameters,
                                              std::optional<DType> low, bool detailed) {
  auto graph = std::make_shared<Graph>();
  Place place{*graph, parameters, dtype, false};
  const Predictions predictions = predict(model, spec, place);
  add_sums(predictions, spec, *graph);
  if (detailed) add_details(predictions, spec, *graph);
  return prepared(low ? autocast(*graph, *low) : graph);
}

std::shared_ptr<const Graph> prediction_graph(const Model& model, const BatchSpec& spec,
                                              DType dtype, ParameterTable& parameters,
                                              std::optional<DType> low, bool thinned) {
  auto graph = std::make_shared<Graph>();
  Place place{*graph, parameters, dtype, false};
  place.thinned = thinned;
  graph->output("outputs", model(place, graph->input("input", spec.tokens ? DType::i64 : dtype,
                                                     batch_shape(spec.batch, spec.sample))));
  return prepared(low ? autocast(*graph, *low) : graph);
}

std::shared_ptr<const Graph> prepared(std::shared_ptr<const Graph> graph) {
  const Evaluator evaluate = [](const Node& node, std::span<const Tensor> inputs) {
    return run_op(*node.op, node.attrs, inputs);
  };
  return run_passes(std::move(graph), standard_passes(evaluate));
}

void set_first_values(const ParameterTable& parameters, uint64_t seed, StateStore& states) {
  for (const Parameter& parameter : parameters.all()) {
    Tensor state = states.declare(parameter.name, parameter.spec.dtype, parameter.spec.shape);
    const bool on_host = &states.device() == &cpu_device();
    Tensor first = on_host ? state : Tensor(parameter.spec.dtype, parameter.spec.shape);
    initialise(first, parameter.init, seed, parameter.name);
    if (!on_host) state.copy_from(first);
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
