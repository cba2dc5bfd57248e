// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/op/attributes.h"

namespace gradus {

class Recipe;

// What a model's last layer stands for: logits of classes; the logit of the second of two (binary);
// a logit of each label; numbers.
enum class Head { classes, binary, labels, numbers };

// What training makes small: an op of a loss and its attributes.
struct LossRule {
  // cross_entropy, focal_loss or mse_loss (of softmax from one-hot targets) for classes, and for
  // binary, which also takes binary_cross_entropy_with_logits; this alone for labels; mse_loss,
  // rmse_loss, l1_loss, huber_loss or smooth_l1_loss for numbers. Empty: the first of these that is
  // an entropy, or mse_loss.
  std::string op = "";
  AttrList attributes = {};

  std::string_view op_for(Head head) const;
};

// By the keys loss.name, loss.gamma, ...
LossRule make_loss(const Recipe& recipe);

// Throws invalid_argument, naming loss.name and what would fit, for a loss that is not for such a
// head, and for smoothed labels with another loss than cross-entropy.
void check_loss(const LossRule& rule, Head head, double label_smoothing);

// Whether `text` is none, balanced (auto means the same) or non-negative numbers with commas
// between them (brackets around are allowed), of which one is above 0.
bool are_class_weights(std::string_view text);
// What a sample of each class counts by such a text; empty: all the same. balanced: samples /
// (classes * samples of the class). `labels`: of the training samples. Throws, naming
// data.class_weights, for another count of numbers, without labels, and under balanced for a class
// without a sample.
std::vector<double> class_weights(std::string_view text, std::span<const int64_t> labels,
                                  int64_t classes);

}  // namespace gradus
