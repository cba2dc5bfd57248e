// SPDX-License-Identifier: Apache-2.0
// What an evaluation says about a model beyond its Score: docs/evaluation.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "engine/exec/executable.h"
#include "training/metrics/calibration.h"
#include "training/metrics/confusion.h"
#include "training/metrics/ranking.h"
#include "training/metrics/regression.h"
#include "training/metrics/top_losses.h"
#include "training/score.h"

namespace gradus {

struct ClassificationReport {
  ConfusionMatrix confusion{1};
  Calibration calibration;
  // Of each class against all others, by its probability; empty where samples times classes are
  // more than most_ranked_scores.
  std::vector<Ranking> rankings;
  // top[k - 1]: share of the samples whose class is among the k likeliest; of equally likely ones
  // the lower class stands first.
  std::vector<double> top;
};
inline constexpr int64_t most_ranked_scores = int64_t{1} << 25;
inline constexpr int64_t most_top_classes = 10;

struct RegressionReport {
  struct Output {
    std::string name;
    std::vector<double> wanted, predicted;  // in the data's unit
    RegressionScore score;
  };
  std::vector<Output> outputs;
};

struct LabelsReport {
  struct Label {
    std::string name;
    ConfusionMatrix counts{2};  // class 1: the label applies
    Ranking ranking;            // by its probability
  };
  std::vector<Label> labels;
  double hamming_loss = 0;  // share of wrong answers among all of all labels
};

struct LanguageReport {
  int64_t tokens = 0;
  double loss = 0;            // nats a token
  double perplexity = 0;      // e^loss
  double bits_per_token = 0;  // loss / ln 2
  double accuracy = 0;
  // loss * tokens / (characters * ln 2), of texts whose characters are known.
  std::optional<double> bits_per_character;
};

struct Report {
  Score score;
  std::vector<std::string> class_names = {};  // one for each class of a classification
  std::optional<ClassificationReport> classes = {};
  std::optional<RegressionReport> numbers = {};
  std::optional<LabelsReport> labels = {};
  std::optional<LanguageReport> language = {};
  std::vector<TopLosses::Sample> top_losses = {};
};

// Makes the report of an evaluation from what evaluation_graph with `detailed` says of each batch.
class ReportBuilder {
 public:
  explicit ReportBuilder(const Dataset& data);

  void restart();
  // The outputs of a run; `samples` of `targets` are of the data, the first is its sample `first`.
  // Where each sample is a graph, what is named a sample in messages and top losses is a node.
  // Throws not_finite naming the sample where an output is NaN.
  void add(Executable& program, const Tensor& targets, int64_t first, int64_t samples);
  Report report(const Score& score) const;

 private:
  void add_classes(std::span<const double> logits, int64_t wanted, int64_t index);
  void add_numbers(std::span<const double> outputs, std::span<const double> targets, int64_t index);
  void add_text(Executable& program, const Tensor& targets, int64_t first, int64_t samples);
  ClassificationReport classification() const;
  RegressionReport regression() const;
  LabelsReport labelling() const;
  std::string output_name(size_t k) const;

  const Dataset& data_;
  int64_t classes_;
  bool is_text_, are_labels_;
  bool ranked_;
  std::vector<ColumnScale> scales_;  // of numbers
  ClassificationReport so_far_;
  std::vector<int64_t> labels_;
  std::vector<double> probabilities_;                    // (samples, classes) of what is ranked
  std::vector<double> row_;                              // of one sample
  std::vector<std::vector<double>> wanted_, predicted_;  // by output
  int64_t tokens_ = 0;
  TopLosses top_losses_;
};

// Names for all classes of the data: the number of a class that has none.
std::vector<std::string> names_of_classes(const Dataset& data);

}  // namespace gradus
