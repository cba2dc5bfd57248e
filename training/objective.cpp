// SPDX-License-Identifier: Apache-2.0
#include "training/objective.h"

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// The weights of the classes as a constant of the logits' dtype.
Value weights_of(const BatchSpec& spec, DType dtype, Graph& graph) {
  const Tensor weights = Tensor::from<double>(
      DType::f64, {static_cast<int64_t>(spec.class_weights.size())}, spec.class_weights);
  return graph.constant(weights.cast(dtype));
}

// What each of `targets` counts: its class's weight, those that are no_target nothing.
Value counts_of(Value targets, const BatchSpec& spec, DType dtype, Graph& graph) {
  const Value counts = ne(targets, graph.scalar(no_target, DType::i64));
  if (spec.class_weights.empty()) return cast(counts, dtype);
  const Value known = where(counts, targets, zero(targets));
  const Value weights =
      apply1("index_select", {weights_of(spec, dtype, graph), known}, {{"dim", 0}});
  return where(counts, weights, zero(weights));
}

bool is_probability_error(const BatchSpec& spec) {
  return !spec.numbers && spec.loss.op == "mse_loss";
}

constexpr std::string_view binary_entropy = "binary_cross_entropy_with_logits";

// Whether the loss is that op's, of the logit of the second of two classes.
bool is_of_one_logit(const BatchSpec& spec) {
  return spec.binary && spec.loss.op_for(spec.head()) == binary_entropy;
}

// The sum over targets, each as often as it counts.
Value logit_entropies(const Predictions& predictions, Value counts) {
  const auto& [outputs, targets] = predictions;
  const Value logit =
      apply1("slice", {outputs}, {{"dim", 1}, {"start", int64_t{1}}, {"end", int64_t{2}}});
  // What is no target counts 0, and must not make NaN.
  const Value wanted = cast(gt(targets, zero(targets)), outputs.dtype());
  return apply1(binary_entropy, {reshape(logit, targets.shape()), wanted, counts},
                {{"reduction", "sum"}});
}

Value loss_of(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
              std::string_view reduction, Graph& graph) {
  const auto& [outputs, targets] = predictions;
  const std::string_view op = spec.loss.op_for(spec.head());
  if (op == "rmse_loss" && reduction == "mean") return apply1(op, {outputs, targets});
  AttrList attrs = spec.loss.attributes;
  attrs.emplace_back("reduction", reduction);
  // Of rmse the sum is one of squares: whole_loss takes the root.
  if (spec.numbers) return apply1(op == "rmse_loss" ? "mse_loss" : op, {outputs, targets}, attrs);
  attrs.emplace_back("ignore_index", no_target);
  if (op == "cross_entropy") attrs.emplace_back("label_smoothing", label_smoothing);
  std::vector<Value> inputs = {outputs, targets};
  if (!spec.class_weights.empty()) inputs.push_back(weights_of(spec, outputs.dtype(), graph));
  return apply1(op, inputs, attrs);
}

// The sum over targets, each as often as it counts, of the mean over classes of (probability -
// whether it is the class)^2.
Value probability_errors(const Predictions& predictions, Value counts) {
  const auto& [outputs, targets] = predictions;
  const int64_t count = outputs.shape()[0], classes = outputs.shape()[1];
  const Value each = outputs.graph().apply(get_op("arange"), {}, {{"end", classes}})[0];
  const Value wanted = cast(eq(reshape(targets, {count, 1}), each), outputs.dtype());
  const Value error = apply1("softmax", {outputs}, {{"dim", 1}}) - wanted;
  return sum(mean(square(error), {1}) * counts);
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
  if (!is_probability_error(spec) && !is_of_one_logit(spec))
    return loss_of(predictions, spec, label_smoothing, "mean", graph);
  const Value counts = counts_of(predictions.targets, spec, predictions.outputs.dtype(), graph);
  return (is_of_one_logit(spec) ? logit_entropies(predictions, counts)
                                : probability_errors(predictions, counts)) /
         sum(counts);
}

LossParts loss_parts(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
                     Graph& graph) {
  const auto& [outputs, targets] = predictions;
  if (spec.numbers) {
    const auto count = static_cast<double>(targets.shape().numel());
    return {loss_of(predictions, spec, label_smoothing, "sum", graph),
            graph.scalar(count, DType::f64)};
  }
  const Value counts = counts_of(targets, spec, outputs.dtype(), graph);
  return {is_of_one_logit(spec)        ? logit_entropies(predictions, counts)
          : is_probability_error(spec) ? probability_errors(predictions, counts)
                                       : loss_of(predictions, spec, label_smoothing, "sum", graph),
          sum(cast(counts, DType::f64))};
}

WholeLoss whole_loss(Value quotient, const BatchSpec& spec) {
  if (spec.loss.op != "rmse_loss") return {quotient, {}};
  const Value none = le(quotient, zero(quotient));
  const Value root = sqrt(where(none, ones_like(quotient), quotient));
  return {where(none, quotient, root), where(none, zero(quotient), 0.5 / root)};
}

namespace {

// Of a batch's rows those that fill it up have targets of NaN, which alone differs from itself.
void add_label_sums(const Predictions& predictions, Graph& graph) {
  const auto& [outputs, targets] = predictions;
  const Value known = eq(targets, targets);
  const Value wanted = where(known, targets, zero(targets));
  const Value losses = apply1(binary_entropy, {outputs, wanted}, {{"reduction", "none"}});
  graph.output("loss_sum", sum(where(known, losses, zero(losses))));
  const Value applies = logical_and(wanted > 0.5, known), said = logical_and(outputs > 0.0, known);
  const auto count = [&](std::string_view name, Value which) {
    graph.output(name, sum(cast(which, DType::i64), {0}));
  };
  count("true_positives", logical_and(applies, said));
  count("false_positives", logical_and(logical_not(applies), said));
  count("false_negatives", logical_and(applies, logical_not(said)));
  const Value wrong = logical_or(ne(applies, said), logical_not(known));
  const Value faults = sum(cast(wrong, DType::i64), {1});
  graph.output("correct", sum(cast(eq(faults, zero(faults)), DType::i64)));
}

}  // namespace

void add_sums(const Predictions& predictions, const BatchSpec& spec, Graph& graph) {
  const auto& [outputs, targets] = predictions;
  if (!spec.numbers) {
    graph.output("loss_sum", apply1("cross_entropy", {outputs, targets},
                                    {{"reduction", "sum"}, {"ignore_index", no_target}}));
    const Value chosen = apply1("argmax", {outputs}, {{"dim", -1}});
    graph.output("correct", sum(cast(eq(chosen, targets), DType::i64)));
    return;
  }
  if (spec.labels) return add_label_sums(predictions, graph);
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
