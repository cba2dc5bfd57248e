// SPDX-License-Identifier: Apache-2.0
#include "training/score.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <span>

#include <fmt/format.h>

#include "data/packed_dataset.h"

namespace gradus {

namespace {

double f1(double true_positives, double false_positives, double false_negatives) {
  const double all = 2 * true_positives + false_positives + false_negatives;
  return all > 0 ? 2 * true_positives / all : 0;
}

}  // namespace

Metrics metrics_of(const Score& score) {
  if (score.labels)
    return {{{{"loss", score.loss},
              {"accuracy", score.accuracy},
              {"f1_micro", score.f1_micro},
              {"f1_macro", score.f1_macro}}},
            4};
  if (!score.numbers)
    return {{{{"loss", score.loss},
              {"accuracy", score.accuracy},
              {"bits_per_character", score.bits_per_character}}},
            score.bits_per_character > 0 ? size_t{3} : size_t{2}};
  return {{{{"loss", score.loss},
            {"r2", score.r2},
            {"mse", score.mse},
            {"rmse", score.rmse},
            {"mae", score.mae}}},
          5};
}

void set_metric(Score& score, std::string_view name, double value) {
  if (name == "loss") score.loss = value;
  if (name == "accuracy") score.accuracy = value;
  if (name == "bits_per_character") score.bits_per_character = value;
  if (name == "r2") score.r2 = value;
  if (name == "mse") score.mse = value;
  if (name == "rmse") score.rmse = value;
  if (name == "mae") score.mae = value;
  if (name == "f1_micro") score.f1_micro = value;
  if (name == "f1_macro") score.f1_macro = value;
  score.labels = score.labels || name == "f1_micro" || name == "f1_macro";
  score.numbers = score.numbers || name == "r2" || name == "mse" || name == "rmse" || name == "mae";
}

std::string metrics_text(const Score& score) {
  std::string text;
  for (const auto& [name, value] : metrics_of(score))
    text += fmt::format("{}{} {:.4f}", text.empty() ? "" : ", ", name, value);
  return text;
}

void add_metrics_json(const Score& score, fmt::memory_buffer& text) {
  char before = '{';
  for (const auto& [name, value] : metrics_of(score)) {
    fmt::format_to(std::back_inserter(text), "{}\"{}\":", before, name);
    if (std::isfinite(value))
      fmt::format_to(std::back_inserter(text), "{:.17g}", value);
    else
      fmt::format_to(std::back_inserter(text), "null");
    before = ',';
  }
  text.push_back('}');
}

ScoreSums::ScoreSums(const Dataset& data)
    : numbers_(data.classes() == 0),
      labels_(data.targets_are_labels()),
      nodes_(data.graph() != nullptr),
      units_(data.target_units()),
      tokens_per_character_(data.tokens_per_character()),
      columns_(units_.size()),
      counts_(labels_ ? units_.size() : 0) {}

void ScoreSums::restart() {
  targets_ = loss_ = correct_ = 0;
  samples_ = 0;
  std::ranges::fill(columns_, Column{});
  std::ranges::fill(counts_, Counts{});
}

void ScoreSums::add(Executable& program, const Tensor& targets, int64_t samples) {
  const int64_t per_sample = targets.numel() / targets.shape()[0];
  samples_ += samples;
  if (!numbers_) {
    const std::span<const int64_t> all(targets.data_as<int64_t>(),
                                       static_cast<size_t>(samples * per_sample));
    targets_ += static_cast<double>(samples * per_sample - std::ranges::count(all, no_target));
    loss_ += program.output("loss_sum").item();
    correct_ += program.output("correct").item();
    return;
  }
  targets_ += static_cast<double>(samples * per_sample);
  if (labels_) return add_labels(program);
  const std::vector<double> values = targets.to_doubles();
  const std::vector<double> squared = program.output("squared_sum").to_doubles();
  const std::vector<double> absolute = program.output("absolute_sum").to_doubles();
  for (size_t k = 0; k < columns_.size(); ++k) {
    Column& column = columns_[k];
    column.squared += squared[k];
    column.absolute += absolute[k];
    for (int64_t s = 0; s < samples; ++s) {
      const double value = values[static_cast<size_t>(s) * columns_.size() + k];
      column.count += 1;
      const double step = value - column.mean;
      column.mean += step / column.count;
      column.deviation += step * (value - column.mean);
    }
  }
}

void ScoreSums::add_labels(Executable& program) {
  loss_ += program.output("loss_sum").item();
  correct_ += program.output("correct").item();
  const std::vector<double> right = program.output("true_positives").to_doubles();
  const std::vector<double> wrong = program.output("false_positives").to_doubles();
  const std::vector<double> missed = program.output("false_negatives").to_doubles();
  for (size_t k = 0; k < counts_.size(); ++k) {
    counts_[k].true_positives += right[k];
    counts_[k].false_positives += wrong[k];
    counts_[k].false_negatives += missed[k];
  }
}

Score ScoreSums::score_of_labels() const {
  Score score{.loss = loss_ / targets_,
              .accuracy = correct_ / static_cast<double>(samples_),
              .samples = samples_,
              .labels = true};
  Counts all;
  for (const auto& [right, wrong, missed] : counts_) {
    all.true_positives += right;
    all.false_positives += wrong;
    all.false_negatives += missed;
    score.f1_macro += f1(right, wrong, missed) / static_cast<double>(counts_.size());
  }
  score.f1_micro = f1(all.true_positives, all.false_positives, all.false_negatives);
  return score;
}

Score ScoreSums::score() const {
  if (labels_) return score_of_labels();
  if (!numbers_) {
    const double loss = loss_ / targets_;
    return {loss, correct_ / targets_, nodes_ ? static_cast<int64_t>(targets_) : samples_,
            loss * tokens_per_character_ / std::numbers::ln2};
  }
  Score score{.samples = samples_, .numbers = true};
  const auto outputs = static_cast<double>(columns_.size());
  for (size_t k = 0; k < columns_.size(); ++k) {
    const Column& column = columns_[k];
    score.loss += column.squared / targets_;
    score.mse += column.squared * units_[k] * units_[k] / targets_;
    // As scikit-learn's root_mean_squared_error.
    score.rmse += std::sqrt(column.squared / column.count) * units_[k] / outputs;
    score.mae += column.absolute * units_[k] / targets_;
    // Without variance, 1 for a model that is never wrong, else 0: as scikit-learn's r2_score.
    score.r2 += (column.deviation > 0  ? 1 - column.squared / column.deviation
                 : column.squared == 0 ? 1.0
                                       : 0.0) /
                outputs;
  }
  return score;
}

}  // namespace gradus
