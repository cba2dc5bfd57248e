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

// What training makes small: an op of a loss and its attributes.
struct LossRule {
  // cross_entropy, focal_loss or mse_loss (of softmax from one-hot targets) for classes; mse_loss,
  // rmse_loss, l1_loss, huber_loss or smooth_l1_loss for numbers. Empty: cross_entropy or mse_loss.
  std::string op = "";
  AttrList attributes = {};

  std::string_view op_for(bool numbers) const;
};

// By the keys loss.name, loss.gamma, ...
LossRule make_loss(const Recipe& recipe);

// Throws invalid_argument, naming loss.name, for a loss that is not for such targets, and for
// smoothed labels with another loss than cross-entropy.
void check_loss(const LossRule& rule, bool numbers, double label_smoothing);

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
