// SPDX-License-Identifier: Apache-2.0
#include "training/loss_rule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/recipe.h"

namespace gradus {
namespace {

constexpr std::string_view binary_entropy = "binary_cross_entropy_with_logits";

// The op as a recipe calls it.
std::string_view name_of(std::string_view op) {
  if (op == "cross_entropy") return op;
  if (op == binary_entropy) return "binary_cross_entropy";
  return op.substr(0, op.size() - std::string_view("_loss").size());
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_balanced(std::string_view text) { return text == "balanced" || text == "auto"; }

// Finite numbers of at least 0, one of them above; nothing for another text.
std::optional<std::vector<double>> weights_in(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  std::vector<double> weights;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view entry = trimmed(text.substr(0, comma));
    double weight = 0;
    const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), weight);
    if (error != std::errc() || end != entry.data() + entry.size() || !std::isfinite(weight) ||
        weight < 0)
      return {};
    weights.push_back(weight);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  if (std::ranges::all_of(weights, [](double weight) { return weight == 0; })) return {};
  return weights;
}

}  // namespace

std::string_view LossRule::op_for(Head head) const {
  if (!op.empty()) return op;
  if (head == Head::numbers) return "mse_loss";
  return head == Head::classes ? "cross_entropy" : binary_entropy;
}

LossRule make_loss(const Recipe& recipe) {
  const std::string& name = recipe.text("loss.name");
  if (name == "auto") return {};
  LossRule rule{.op = name == "cross_entropy"          ? name
                      : name == "binary_cross_entropy" ? std::string(binary_entropy)
                                                       : name + "_loss"};
  for (const std::string_view attribute : {"gamma", "alpha", "delta", "beta"}) {
    const std::string key = fmt::format("loss.{}", attribute);
    if (recipe.has(key)) rule.attributes.emplace_back(attribute, recipe.real(key));
  }
  return rule;
}

namespace {

struct Fit {
  std::string_view targets;  // what the head's targets are
  std::string_view losses;   // by their names in recipes
};

Fit fit_of(Head head) {
  switch (head) {
    case Head::classes:
      return {"classes", "cross_entropy, focal, mse"};
    case Head::binary:
      return {"two classes", "binary_cross_entropy, cross_entropy, focal, mse"};
    case Head::labels:
      return {"labels", "binary_cross_entropy"};
    case Head::numbers:
      break;
  }
  return {"numbers", "mse, rmse, l1, huber, smooth_l1"};
}

// The task whose targets the loss is for.
std::string_view task_for(std::string_view op) {
  if (op == binary_entropy) return "binary or multilabel";
  return op == "cross_entropy" || op == "focal_loss" ? "classification" : "regression";
}

}  // namespace

void check_loss(const LossRule& rule, Head head, double label_smoothing) {
  const std::string_view op = rule.op_for(head), name = name_of(op);
  const auto [targets, losses] = fit_of(head);
  const bool fits =
      fmt::format(", {},", losses).find(fmt::format(" {},", name)) != std::string::npos;
  GRADUS_CHECK(fits, "[loss.name] '{}' is for data.task={}, the targets are {}: expected one of {}",
               name, task_for(op), targets, losses);
  GRADUS_CHECK(label_smoothing == 0 || op == "cross_entropy",
               "[loss.label_smoothing] labels are smoothed for cross_entropy, the loss is '{}'",
               name);
}

bool are_class_weights(std::string_view text) {
  return text == "none" || is_balanced(text) || weights_in(text).has_value();
}

std::vector<double> class_weights(std::string_view text, std::span<const int64_t> labels,
                                  int64_t classes) {
  if (text == "none" || text.empty()) return {};
  GRADUS_CHECK(!labels.empty(), "[data.class_weights] expected data with one class per sample");
  if (!is_balanced(text)) {
    std::vector<double> weights = weights_in(text).value_or(std::vector<double>{});
    GRADUS_CHECK(std::ssize(weights) == classes,
                 "[data.class_weights] expected a number for each of {} classes, got {}", classes,
                 weights.size());
    // Their ratios alone matter, and f32 must hold squares of them times losses.
    const double most = std::ranges::max(weights);
    GRADUS_CHECK(most >= 1e-9 && most <= 1e9,
                 "[data.class_weights] the largest, expected 1e-9 to 1e9 (only their ratios "
                 "count), got {}",
                 most);
    return weights;
  }
  std::vector<double> counts(static_cast<size_t>(classes)), weights;
  for (const int64_t label : labels) counts[static_cast<size_t>(label)] += 1;
  for (size_t c = 0; c < counts.size(); ++c) {
    GRADUS_CHECK(counts[c] > 0, "[data.class_weights] no training sample has the class {}", c);
    weights.push_back(static_cast<double>(labels.size()) /
                      (static_cast<double>(classes) * counts[c]));
  }
  return weights;
}

}  // namespace gradus
