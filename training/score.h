// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/dataset.h"
#include "engine/exec/executable.h"

namespace gradus {

// How well a model does on a data set.
struct Score {
  double loss = 0;      // the mean over the targets: cross-entropy in nats, or squared error
  double accuracy = 0;  // share of targets that have the largest logit, 0 to 1; of labels, share of
                        // samples that have all of them right
  int64_t samples = 0;  // of a graph: nodes that count
  double bits_per_character = 0;  // of a text whose characters are known; else 0
  bool numbers = false;  // the targets are numbers; then, in units of the data, means over outputs:
  double mse = 0;        // mean squared error
  double rmse = 0;       // its root, of each output by itself
  double mae = 0;        // mean absolute error
  double r2 = 0;         // coefficient of determination: 1 - squared error / variance
  bool labels = false;   // the targets are labels; then F1, 2 TP / (2 TP + FP + FN) or 0 for 0 / 0:
  double f1_micro = 0;   // of all labels together
  double f1_macro = 0;   // the mean over labels
};

// The metrics that a score has, by name: "loss", then "accuracy" and of texts "bits_per_character",
// of labels "f1_micro" and "f1_macro"; or "r2", "mse", "rmse", "mae".
struct Metrics {
  std::array<std::pair<std::string_view, double>, 5> all;
  size_t count = 0;

  auto begin() const { return all.begin(); }
  auto end() const { return all.begin() + static_cast<std::ptrdiff_t>(count); }
};
Metrics metrics_of(const Score& score);

// Sets the metric of that name; "r2", "mse", "rmse" and "mae" make it a score of numbers,
// "f1_micro" and "f1_macro" one of labels. Others are left.
void set_metric(Score& score, std::string_view name, double value);

// The metrics as text, "loss 0.1234, accuracy 0.9876", and as a JSON object with all digits; null
// for what is no number.
std::string metrics_text(const Score& score);
void add_metrics_json(const Score& score, fmt::memory_buffer& text);

// Adds up what evaluation_graph says of batch after batch.
class ScoreSums {
 public:
  explicit ScoreSums(const Dataset& data);

  void restart();
  // The outputs of a run; `samples` of `targets` are of the data, the rest fills the batch up.
  void add(Executable& program, const Tensor& targets, int64_t samples);
  Score score() const;

 private:
  // Of one output: mean and squared deviation of the targets (Welford 1962), errors.
  struct Column {
    double count = 0, mean = 0, deviation = 0, squared = 0, absolute = 0;
  };

  // Of one label.
  struct Counts {
    double true_positives = 0, false_positives = 0, false_negatives = 0;
  };

  void add_labels(Executable& program);
  Score score_of_labels() const;

  bool numbers_, labels_, nodes_;
  std::vector<double> units_;
  double targets_ = 0, loss_ = 0, correct_ = 0;
  int64_t samples_ = 0;
  double tokens_per_character_;
  std::vector<Column> columns_;
  std::vector<Counts> counts_;
};

}  // namespace gradus
