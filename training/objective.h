// SPDX-License-Identifier: Apache-2.0
// What a model is trained for and how it is judged: classes by their cross-entropy, numbers by
// their squared error.
#pragma once

#include "engine/graph/graph.h"
#include "training/program.h"

namespace gradus {

// What a model says of a batch, beside what is true. For classes: logits (targets, classes) and
// targets (targets) of i64; for numbers: both (batch, outputs).
struct Predictions {
  Value outputs, targets;
};

// The model on the graph's inputs "input" and "target".
Predictions predict(const Model& model, const BatchSpec& spec, Place& place);

// The mean over the batch: cross-entropy in nats, weighted as BatchSpec says, or squared error, for
// which nothing is smoothed.
Value mean_loss(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
                Graph& graph);

// A mean loss as a quotient of scalars, so that several batches can be added up: the mean over all
// of them is the quotient of their sums. Only `sum` depends on the model.
struct LossParts {
  Value sum;     // of the model's dtype
  Value weight;  // f64: what the batch's targets count together
};
LossParts loss_parts(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
                     Graph& graph);

// Adds the outputs of evaluation_graph, and those of a detailed one.
void add_sums(const Predictions& predictions, const BatchSpec& spec, Graph& graph);
void add_details(const Predictions& predictions, const BatchSpec& spec, Graph& graph);

}  // namespace gradus
