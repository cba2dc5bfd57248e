// SPDX-License-Identifier: Apache-2.0
#include "tools/model_signals.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/autodiff/gradients.h"
#include "engine/exec/stepwise.h"
#include "tools/model_table.h"
#include "training/data_factory.h"
#include "training/loader.h"
#include "training/model_factory.h"
#include "training/objective.h"
#include "training/precision.h"
#include "training/session.h"

namespace gradus {
namespace {

struct Handed {
  std::string layer;
  Value value;
};

// The last value of each layer that another one reads.
std::vector<Handed> handed_on(Graph& graph) {
  std::vector<Handed> layers;
  for (const Node& node : graph.nodes())
    for (const ValueRef& input : node.inputs) {
      if (!input.present() || graph.node(input.node).kind != NodeKind::op) continue;
      const std::string layer = layer_path(graph.node(input.node).name);
      if (layer.empty() || layer == layer_path(node.name)) continue;
      const Value value(graph, input.node, input.output);
      if (!is_floating(value.dtype())) continue;
      const auto known = std::ranges::find(layers, layer, &Handed::layer);
      if (known == layers.end())
        layers.push_back({layer, value});
      else
        known->value = value;
    }
  return layers;
}

double variance_of(const Tensor& tensor) {
  const std::vector<double> values = tensor.to_doubles();
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double count = std::max<double>(1, static_cast<double>(values.size()));
  for (const double value : values) squares += (value - sum / count) * (value - sum / count);
  return squares / count;
}

// The first micro-step's.
struct FirstBatch {
  BatchSpec spec;
  TensorMap tensors;
};

FirstBatch first_batch(const Recipe& recipe, const std::shared_ptr<const Dataset>& data,
                       DType dtype) {
  const Sampler sampler = make_sampler(recipe, *data);
  const int64_t parts = recipe.integer("accumulate");
  const std::vector<BatchSpec> specs = training_specs(recipe, *data, sampler, parts);
  Loader loader(data, sampler, specs, dtype, {.parts = parts, .end = 1});
  const HostBatch& batch = loader.at(0);
  return {specs[batch.form],
          {{"input", batch.inputs.to(cpu_device())}, {"target", batch.targets.to(cpu_device())}}};
}

TensorMap first_values(const Recipe& recipe, const ParameterTable& parameters) {
  TensorMap states;
  for (const Parameter& parameter : parameters.all()) {
    Tensor first(parameter.spec.dtype, parameter.spec.shape);
    initialise(first, parameter.init, static_cast<uint64_t>(recipe.integer("seed")),
               parameter.name);
    states[parameter.name] = first;
  }
  return states;
}

}  // namespace

std::vector<LayerSignal> first_signals(const Recipe& recipe,
                                       const std::shared_ptr<const Dataset>& data) {
  const DType dtype = precision_of(recipe).parameters;
  const auto [spec, batch] = first_batch(recipe, data, dtype);
  Graph graph;
  ParameterTable parameters;
  std::vector<std::pair<Value, Value>> updates;  // of running statistics, which stay
  Place place{graph, parameters, dtype, true};
  place.held_updates = &updates;
  const Predictions predictions = predict(make_model(recipe, *data), spec, place);
  const Value loss = mean_loss(predictions, spec, 0, graph);
  const std::vector<Handed> layers = handed_on(graph);
  std::vector<Value> values;
  for (const Handed& layer : layers) values.push_back(layer.value);
  const std::vector<Value> slopes = gradients(loss, values);
  for (size_t i = 0; i < layers.size(); ++i) {
    graph.output(fmt::format("output.{}", i), values[i]);
    if (slopes[i]) graph.output(fmt::format("gradient.{}", i), slopes[i]);
  }
  TensorMap states = first_values(recipe, parameters);
  const StepwiseOptions options = {.rng = {static_cast<uint64_t>(recipe.integer("seed")), 1, 0}};
  const TensorMap outputs = run_stepwise(graph, batch, states, options);
  std::vector<LayerSignal> signals;
  for (size_t i = 0; i < layers.size(); ++i)
    signals.push_back({layers[i].layer, variance_of(outputs.at(fmt::format("output.{}", i))),
                       slopes[i] ? variance_of(outputs.at(fmt::format("gradient.{}", i))) : 0.0});
  return signals;
}

}  // namespace gradus
