// SPDX-License-Identifier: Apache-2.0
#include "training/report.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/packed_dataset.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

// The place of `wanted` when the classes stand in falling order: 0 for the likeliest.
int64_t place_of(std::span<const double> logits, int64_t wanted) {
  const double own = logits[static_cast<size_t>(wanted)];
  int64_t before = 0;
  for (int64_t c = 0; c < static_cast<int64_t>(logits.size()); ++c) {
    const double other = logits[static_cast<size_t>(c)];
    before += other > own || (other == own && c < wanted) ? 1 : 0;
  }
  return before;
}

}  // namespace

std::vector<std::string> names_of_classes(const Dataset& data) {
  std::vector<std::string> names = data.class_names();
  for (auto c = static_cast<int64_t>(names.size()); c < data.classes(); ++c)
    names.push_back(fmt::format("{}", c));
  return names;
}

ReportBuilder::ReportBuilder(const Dataset& data)
    : data_(data),
      classes_(data.classes()),
      is_text_(data.input_is_index()),
      are_labels_(data.targets_are_labels()),
      ranked_(classes_ > 0 && data.size() * data.target_shape().numel() <=
                                  most_ranked_scores / std::max<int64_t>(classes_, 1)),
      scales_(data.target_scales()) {
  restart();
}

void ReportBuilder::restart() {
  so_far_ = {};
  if (classes_ > 0 && !is_text_) {
    so_far_.confusion = ConfusionMatrix(classes_);
    so_far_.top.assign(static_cast<size_t>(std::min(classes_, most_top_classes)), 0);
  }
  labels_.clear();
  probabilities_.clear();
  wanted_.assign(scales_.size(), {});
  predicted_.assign(scales_.size(), {});
  tokens_ = 0;
  top_losses_ = {};
}

void ReportBuilder::add(Executable& program, const Tensor& targets, int64_t first,
                        int64_t samples) {
  if (is_text_) return add_text(program, targets, first, samples);
  const std::vector<double> outputs = program.output("outputs").to_doubles();
  const std::vector<double> wanted = targets.to_doubles();
  if (classes_ == 0) {
    const size_t width = outputs.size() / static_cast<size_t>(targets.shape()[0]);
    for (int64_t s = 0; s < samples; ++s) {
      const size_t at = static_cast<size_t>(s) * width;
      add_numbers({outputs.data() + at, width}, {wanted.data() + at, width}, first + s);
    }
    return;
  }
  // A class for each sample, or for each of its nodes, some of which count nothing.
  const auto width = static_cast<size_t>(classes_);
  const int64_t each = targets.numel() / targets.shape()[0];
  for (int64_t t = 0; t < samples * each; ++t) {
    const auto label = static_cast<int64_t>(wanted[static_cast<size_t>(t)]);
    if (label != no_target)
      add_classes({outputs.data() + static_cast<size_t>(t) * width, width}, label,
                  first * each + t);
  }
}

void ReportBuilder::add_classes(std::span<const double> logits, int64_t wanted, int64_t index) {
  row_.resize(logits.size());
  softmax(logits, index, row_);
  const int64_t predicted = std::ranges::max_element(logits) - logits.begin();
  so_far_.confusion.add(wanted, predicted);
  so_far_.calibration.add(row_, wanted, predicted);
  const int64_t place = place_of(logits, wanted);
  for (auto k = static_cast<size_t>(place); k < so_far_.top.size(); ++k) so_far_.top[k] += 1;
  const double highest = logits[static_cast<size_t>(predicted)];
  double sum = 0;  // the loss from logits, which stays exact where the probability is 0
  for (const double logit : logits) sum += std::exp(logit - highest);
  top_losses_.add({std::log(sum) + highest - logits[static_cast<size_t>(wanted)], index,
                   static_cast<double>(wanted), static_cast<double>(predicted),
                   row_[static_cast<size_t>(predicted)]});
  if (!ranked_) return;
  labels_.push_back(wanted);
  probabilities_.insert(probabilities_.end(), row_.begin(), row_.end());
}

void ReportBuilder::add_numbers(std::span<const double> outputs, std::span<const double> targets,
                                int64_t index) {
  double loss = 0;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!std::isfinite(outputs[k]))
      failf(ErrorKind::not_finite, "model", "its output for sample {} is {}", index, outputs[k]);
    loss += are_labels_ ? std::log1p(std::exp(-std::abs(outputs[k]))) + std::max(outputs[k], 0.0) -
                              outputs[k] * targets[k]
                        : (outputs[k] - targets[k]) * (outputs[k] - targets[k]);
    wanted_[k].push_back(scales_[k].inverse(targets[k]));
    predicted_[k].push_back(scales_[k].inverse(outputs[k]));
  }
  top_losses_.add({loss / static_cast<double>(outputs.size()), index, wanted_[0].back(),
                   predicted_[0].back(), 0});
}

// A window's loss is the mean over its tokens; where documents are packed, some count nothing.
void ReportBuilder::add_text(Executable& program, const Tensor& targets, int64_t first,
                             int64_t samples) {
  const std::vector<double> losses = program.output("losses").to_doubles();
  const auto* wanted = targets.data_as<int64_t>();
  const int64_t length = targets.numel() / targets.shape()[0];
  for (int64_t s = 0; s < samples; ++s) {
    double sum = 0;
    int64_t counted = 0;
    for (int64_t t = s * length; t < (s + 1) * length; ++t) {
      if (wanted[t] == no_target) continue;
      sum += losses[static_cast<size_t>(t)];
      ++counted;
    }
    if (std::isnan(sum))
      failf(ErrorKind::not_finite, "model", "its output for sample {} is NaN", first + s);
    tokens_ += counted;
    if (counted > 0) top_losses_.add({sum / static_cast<double>(counted), first + s, 0, 0, 0});
  }
}

ClassificationReport ReportBuilder::classification() const {
  ClassificationReport report = so_far_;
  const auto samples = static_cast<double>(report.confusion.total());
  for (double& share : report.top) share /= samples;
  const auto width = static_cast<size_t>(classes_);
  std::vector<double> scores(labels_.size());
  std::vector<uint8_t> positive(labels_.size());
  for (size_t c = 0; ranked_ && c < width; ++c) {
    for (size_t i = 0; i < labels_.size(); ++i) {
      scores[i] = probabilities_[i * width + c];
      positive[i] = labels_[i] == static_cast<int64_t>(c) ? 1 : 0;
    }
    report.rankings.push_back(rank(scores, positive));
  }
  return report;
}

std::string ReportBuilder::output_name(size_t k) const {
  const std::vector<std::string> names = data_.target_names();
  return k < names.size() ? names[k] : fmt::format("{}", k);
}

RegressionReport ReportBuilder::regression() const {
  RegressionReport report;
  for (size_t k = 0; k < scales_.size(); ++k)
    report.outputs.push_back(
        {output_name(k), wanted_[k], predicted_[k], regression_score(wanted_[k], predicted_[k])});
  return report;
}

// A label's probability grows with its logit, which is therefore what ranks the samples.
LabelsReport ReportBuilder::labelling() const {
  LabelsReport report;
  int64_t wrong = 0, all = 0;
  for (size_t k = 0; k < scales_.size(); ++k) {
    LabelsReport::Label label{.name = output_name(k), .ranking = {}};
    std::vector<uint8_t> applies;
    for (size_t i = 0; i < wanted_[k].size(); ++i) {
      applies.push_back(wanted_[k][i] > 0.5 ? 1 : 0);
      const int64_t said = predicted_[k][i] > 0 ? 1 : 0;
      label.counts.add(applies.back(), said);
      wrong += applies.back() != said ? 1 : 0;
    }
    all += label.counts.total();
    label.ranking = rank(predicted_[k], applies);
    report.labels.push_back(std::move(label));
  }
  report.hamming_loss = static_cast<double>(wrong) / static_cast<double>(all);
  return report;
}

Report ReportBuilder::report(const Score& score) const {
  Report report{.score = score, .top_losses = top_losses_.sorted()};
  if (is_text_) {
    LanguageReport& text = report.language.emplace();
    text.tokens = tokens_;
    text.loss = score.loss;
    text.perplexity = std::exp(score.loss);
    text.bits_per_token = score.loss / std::numbers::ln2;
    text.accuracy = score.accuracy;
    if (score.bits_per_character > 0) text.bits_per_character = score.bits_per_character;
  } else if (classes_ > 0) {
    report.class_names = names_of_classes(data_);
    report.classes = classification();
  } else if (are_labels_) {
    report.labels = labelling();
  } else {
    report.numbers = regression();
  }
  return report;
}

}  // namespace gradus
