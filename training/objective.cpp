// SPDX-License-Identifier: Apache-2.0
#include "training/objective.h"

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// The weights of the classes as a constant of the logits' dtype; absent where all count the same.
Value weights_of(const BatchSpec& spec, DType dtype, Graph& graph) {
  if (spec.class_weights.empty()) return {};
  const Tensor weights = Tensor::from<double>(
      DType::f64, {static_cast<int64_t>(spec.class_weights.size())}, spec.class_weights);
  return graph.constant(weights.cast(dtype));
}

Value loss_of(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
              std::string_view reduction, Graph& graph) {
  const auto& [outputs, targets] = predictions;
  if (spec.numbers) return apply1("mse_loss", {outputs, targets}, {{"reduction", reduction}});
  const AttrList attrs = {
      {"reduction", reduction}, {"ignore_index", no_target}, {"label_smoothing", label_smoothing}};
  const Value weights = weights_of(spec, outputs.dtype(), graph);
  if (!weights) return apply1("cross_entropy", {outputs, targets}, attrs);
  return apply1("cross_entropy", {outputs, targets, weights}, attrs);
}

// The sum of the weights of classes `targets`, of which those that are no_target count nothing.
Value weight_of(Value targets, const BatchSpec& spec, DType dtype, Graph& graph) {
  const Value counts = ne(targets, graph.scalar(no_target, DType::i64));
  if (spec.class_weights.empty()) return sum(cast(counts, DType::f64));
  const Value known = where(counts, targets, zero(targets));
  const Value weights = cast(weights_of(spec, dtype, graph), DType::f64);
  const Value each = apply1("index_select", {weights, known}, {{"dim", 0}});
  return sum(where(counts, each, zero(each)));
}

}  // namespace

Predictions predict(const Model& model, const BatchSpec& spec, Place& place) {
  const Value input = place.graph.input("input", spec.tokens ? DType::i64 : place.dtype,
                                        batch_shape(spec.batch, spec.sample));
  const Value target = place.graph.input("target", spec.numbers ? place.dtype : DType::i64,
                                         batch_shape(spec.batch, spec.target));
  const Value outputs = model(place, input);
  if (spec.numbers) {
    GRADUS_CHECK(outputs.shape() == target.shape(), "[model] outputs, expected {}, got {}",
                 to_string(target.shape()), to_string(outputs.shape()));
    return {outputs, target};
  }
  const int64_t count = target.shape().numel();
  return {reshape(outputs, {count, outputs.shape()[outputs.rank() - 1]}), reshape(target, {count})};
}

Value mean_loss(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
                Graph& graph) {
  return loss_of(predictions, spec, label_smoothing, "mean", graph);
}

LossParts loss_parts(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
                     Graph& graph) {
  const auto& [outputs, targets] = predictions;
  const Value weight = spec.numbers
                           ? graph.scalar(static_cast<double>(targets.shape().numel()), DType::f64)
                           : weight_of(targets, spec, outputs.dtype(), graph);
  return {loss_of(predictions, spec, label_smoothing, "sum", graph), weight};
}

void add_sums(const Predictions& predictions, const BatchSpec& spec, Graph& graph) {
  const auto& [outputs, targets] = predictions;
  if (!spec.numbers) {
    graph.output("loss_sum", apply1("cross_entropy", {outputs, targets},
                                    {{"reduction", "sum"}, {"ignore_index", no_target}}));
    const Value chosen = apply1("argmax", {outputs}, {{"dim", -1}});
    graph.output("correct", sum(cast(eq(chosen, targets), DType::i64)));
    return;
  }
  // Only NaN differs from itself.
  const Value error = where(eq(targets, targets), outputs - targets, zero(targets));
  graph.output("squared_sum", sum(error * error, {0}));
  graph.output("absolute_sum", sum(abs(error), {0}));
}

void add_details(const Predictions& predictions, const BatchSpec& spec, Graph& graph) {
  const auto& [outputs, targets] = predictions;
  if (spec.tokens)
    graph.output("losses", apply1("cross_entropy", {outputs, targets},
                                  {{"reduction", "none"}, {"ignore_index", no_target}}));
  else
    graph.output("outputs", outputs);
}

}  // namespace gradus
