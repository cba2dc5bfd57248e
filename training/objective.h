// SPDX-License-Identifier: Apache-2.0
// What a model is trained for and how it is judged: classes by their cross-entropy, labels by a
// binary one each, numbers by their squared error.
#pragma once

#include "engine/graph/graph.h"
#include "training/program.h"

namespace gradus {

// What a model says of a batch, beside what is true. For classes: logits (targets, classes) and
// targets (targets) of i64; for numbers and labels: both (batch, outputs).
struct Predictions {
  Value outputs, targets;
};

// The model on the graph's inputs "input" and "target".
Predictions predict(const Model& model, const BatchSpec& spec, Place& place);

// The mean over the batch of the loss that BatchSpec names (of rmse_loss the root of a mean),
// weighted as it says: cross-entropy in nats, for which alone labels are smoothed, squared error,
// ...
Value mean_loss(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
                Graph& graph);

// A mean loss as a quotient of scalars, so that several batches can be added up: whole_loss of the
// quotient of their sums is the loss over all of them. Only `sum` depends on the model.
struct LossParts {
  Value sum;     // of the model's dtype
  Value weight;  // f64: what the batch's targets count together
};
LossParts loss_parts(const Predictions& predictions, const BatchSpec& spec, double label_smoothing,
                     Graph& graph);

// The loss by that quotient, and its derivative by it (absent: 1). They differ for rmse_loss alone.
struct WholeLoss {
  Value value, slope;
};
WholeLoss whole_loss(Value quotient, const BatchSpec& spec);

// Adds the outputs of evaluation_graph, and those of a detailed one.
void add_sums(const Predictions& predictions, const BatchSpec& spec, Graph& graph);
void add_details(const Predictions& predictions, const BatchSpec& spec, Graph& graph);

}  // namespace gradus
