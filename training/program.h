// SPDX-License-Identifier: Apache-2.0
// The graphs of a training run: one optimizer step, and evaluation.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "data/dataset.h"
#include "data/packed_dataset.h"
#include "engine/exec/executable.h"
#include "models/model.h"
#include "training/loss_rule.h"
#include "training/optimizer.h"

namespace gradus {

// What goes through a model. Inputs and targets have the batch as their first dim.
struct BatchSpec {
  int64_t batch = 1;
  Shape sample;         // of one input
  Shape target;         // of one sample's targets
  bool tokens = false;  // inputs are i64 tokens, else of the model's dtype
  // Targets are numbers of the model's dtype to come near to, else classes (i64).
  bool numbers = false;
  // The numbers are 0 or 1 each, and outputs are their logits.
  bool labels = false;
  // Of two classes; the first of the two logits is always 0. Of training alone: only the loss that
  // is taken by itself differs.
  bool binary = false;
  // What a sample of each class counts in training; empty: all the same.
  std::vector<double> class_weights = {};
  LossRule loss = {};  // what training makes small

  Head head() const {
    if (numbers) return labels ? Head::labels : Head::numbers;
    return binary ? Head::binary : Head::classes;
  }
};

Shape batch_shape(int64_t batch, Shape sample);  // (batch, sample...)
BatchSpec batch_spec(const Dataset& data, int64_t batch);

// How a step is run.
struct StepForm {
  int64_t micro_steps = 1;  // parts whose gradients are added up
  // Of the blocks of a model (training/weight_rules.h) the backward pass computes again what it
  // needs, from what enters the block.
  bool recompute = false;
  bool passes = true;  // the standard ones; without them every node is what the model asked for
  // bf16 or f16 of products; `dtype` is then f32. With f16 the input "loss_scale" multiplies the
  // loss of which gradients are taken, and an update is skipped where they are not finite (outputs
  // "grad_norm" and "skipped").
  std::optional<DType> low = {};
  bool scaled() const { return low == DType::f16; }
};

// Inputs "input", "target", "lr", "step"; output "loss", mean_loss (training/objective.h) over the
// batch, without penalties; updates every weight, running statistic and optimizer memory. `clip` >
// 0 limits the norm of all gradients together, and the output "grad_norm" is that norm before.
//
// With `form.micro_steps` > 1 it is the last micro-step of an optimizer step: accumulation_graph
// runs `form.micro_steps` - 1 times before it. "loss" (f64) and gradients are then those of the
// whole step's batch, also where its parts weigh differently by class weights or targets that count
// nothing. The sums are states whose names begin with running_sum_prefix, zero again after it.
// `spec` is of a micro-batch. A guarded step that is skipped also takes back what its earlier
// micro-steps did to running statistics; these are kept as states kept_name(buffer), which begin as
// the buffers do.
//
// Where the optimizer is guarded, the inputs "loss_limit" and "norm_limit" are the largest loss and
// norm with which anything is updated, and the output "skipped" says whether nothing was. Where it
// averages, the input "average_share" moves the averages. Where it mixes samples, these are mixed
// already: the targets of partners are the input "partner_target", the input "own_share" is what
// the loss by "target" counts, and the rest that by the partners.
//
// With L-BFGS it only evaluates: inputs "input" and "target", output "loss", and all gradients in
// the state lbfgs_gradient (lbfgs.h).
std::shared_ptr<const Graph> training_graph(const Model& model, const BatchSpec& spec, DType dtype,
                                            const Optimizer& optimizer, double clip,
                                            ParameterTable& parameters, const StepForm& form = {});

// A micro-step before the last: inputs "input", "target"; output "loss" (f64), the mean over the
// micro-batch; adds loss, weight and gradients to the sums and updates running statistics.
std::shared_ptr<const Graph> accumulation_graph(const Model& model, const BatchSpec& spec,
                                                DType dtype, const Optimizer& optimizer,
                                                ParameterTable& parameters, const StepForm& form);

// Inputs "input", "target". Classes: outputs "loss_sum" (cross-entropy over the targets) and
// "correct" (how many targets have the largest logit). Numbers: "squared_sum" and "absolute_sum" of
// the errors, of shape (outputs). Labels: "loss_sum" (binary cross-entropy), "correct" (samples all
// of whose labels are right) and, of shape (outputs), "true_positives", "false_positives" and
// "false_negatives", where a logit above 0 says that the label applies. A target of `no_target`, or
// NaN among numbers, counts in none: it fills up a last batch. `detailed` adds what reports are
// made of: "outputs" (batch, classes or outputs), of tokens instead "losses" (batch * tokens).
std::shared_ptr<const Graph> evaluation_graph(const Model& model, const BatchSpec& spec,
                                              DType dtype, ParameterTable& parameters,
                                              std::optional<DType> low = {}, bool detailed = false);

// Input "input"; output "outputs" as above: what a model says of samples without targets.
// `thinned`: with dropout, whose masks follow from the run's RngState.
std::shared_ptr<const Graph> prediction_graph(const Model& model, const BatchSpec& spec,
                                              DType dtype, ParameterTable& parameters,
                                              std::optional<DType> low = {}, bool thinned = false);

// The graph after the standard passes: the same bits, fewer and larger steps.
std::shared_ptr<const Graph> prepared(std::shared_ptr<const Graph> graph);

inline constexpr std::string_view running_sum_prefix = "optimizer.gradient.";
std::string kept_name(std::string_view buffer);

// Gives every parameter its first values in `states`.
void set_first_values(const ParameterTable& parameters, uint64_t seed, StateStore& states);

// Host memory for one batch of a graph's inputs.
struct HostBatch {
  HostBatch(const BatchSpec& spec, DType dtype);
  // Makes every target one that counts in no score.
  void clear_targets();

  Tensor inputs, targets;
  size_t form = 0;  // of a loader's: which of its forms it has
};

}  // namespace gradus
