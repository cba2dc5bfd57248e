// SPDX-License-Identifier: Apache-2.0
// What cross_entropy, nll_loss and their backward ops share. Inputs are (input, target, weight),
// preceded by grad_output in a backward op; `first` is the position of `input`.
//
//   input   (classes), (batch, classes) or (batch, classes, d1, d2, ...), floating
//   target  i64 of input's shape without the dim of classes, or probabilities of input's shape
//   weight  (classes), optional
#pragma once

#include <string_view>

#include "engine/graph/grad_args.h"
#include "ops/loss.h"

namespace gradus {

// Checks everything but the targets' values; gives the spec of the loss.
TensorSpec check_class_loss(const InferArgs& args, size_t first, bool probabilities_allowed);
// The spec of grad_input, after a check of grad_output.
std::vector<TensorSpec> infer_class_loss_backward(const InferArgs& args,
                                                  bool probabilities_allowed);

// The kernel's arguments without attributes of its own (label_smoothing).
kernels::CrossEntropyArgs class_loss_args(const RunArgs& args, size_t first, std::string_view op);
int64_t class_loss_workspace(const KernelQuery& query);          // of a forward op
int64_t class_loss_divisor_workspace(const KernelQuery& query);  // of a backward op on CUDA

// The dim of `input` that holds the classes: 1, or 0 for rank 1.
int64_t class_dim(Value input);
// For each position: weight[target], 1 without weight, 0 where the target is ignored.
Value position_weights(Value input, Value target, Value weight, const Attrs& attrs);
// A loss value or a gradient of one (scalar, or one per position) in the shape of input with one
// class, so that it broadcasts against input.
Value over_classes(Value per_position, Value input);

std::vector<Sample> class_loss_samples(bool backward, bool probabilities);
Cost class_loss_cost(const KernelQuery& query);

}  // namespace gradus
