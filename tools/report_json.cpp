// SPDX-License-Identifier: Apache-2.0
#include "tools/report_json.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// A whole number, for what counts classes.
Json whole(double value) { return static_cast<int64_t>(value); }

Json to_json(const ClassScore& score) {
  return {{"precision", score.precision}, {"recall", score.recall}, {"f1", score.f1}};
}

// The mean of what is defined; null where nothing is.
Json mean_of(const std::vector<Ranking>& rankings, double Ranking::*member, bool needs_both) {
  double sum = 0, count = 0;
  for (const Ranking& ranking : rankings) {
    if (ranking.positives == 0 || (needs_both && ranking.negatives == 0)) continue;
    sum += ranking.*member;
    count += 1;
  }
  return count > 0 ? Json(sum / count) : Json(nullptr);
}

Json class_rows(const Report& report) {
  const ClassificationReport& classes = *report.classes;
  Json rows = Json::array();
  for (int64_t c = 0; c < classes.confusion.classes(); ++c) {
    Json row = {{"class", c}, {"name", report.class_names[static_cast<size_t>(c)]}};
    row.update(to_json(score_of_class(classes.confusion, c)));
    row["support"] = classes.confusion.support(c);
    row["predicted"] = classes.confusion.predicted(c);
    if (!classes.rankings.empty()) {
      const Ranking& ranking = classes.rankings[static_cast<size_t>(c)];
      row["roc_auc"] = ranking.roc_auc;
      row["average_precision"] = ranking.average_precision;
    }
    rows.push_back(row);
  }
  return rows;
}

Json reliability(const Calibration& calibration) {
  Json rows = Json::array();
  for (int64_t k = 0; k < Calibration::bins; ++k) {
    const Calibration::Bin& bin = calibration.reliability()[static_cast<size_t>(k)];
    rows.push_back({{"from", static_cast<double>(k) / Calibration::bins},
                    {"to", static_cast<double>(k + 1) / Calibration::bins},
                    {"samples", bin.samples},
                    {"confidence", bin.mean_confidence()},
                    {"accuracy", bin.accuracy()}});
  }
  return rows;
}

void add_classes(const Report& report, Json& json) {
  const ClassificationReport& classes = *report.classes;
  const ConfusionMatrix& matrix = classes.confusion;
  json["balanced_accuracy"] = balanced_accuracy(matrix);
  json["matthews_correlation"] = matthews_correlation(matrix);
  json["cohens_kappa"] = cohens_kappa(matrix);
  json["macro"] = to_json(averaged_score(matrix, ClassAverage::macro));
  json["micro"] = to_json(averaged_score(matrix, ClassAverage::micro));
  json["weighted"] = to_json(averaged_score(matrix, ClassAverage::weighted));
  json["top_k_accuracy"] = classes.top;
  json["roc_auc"] = mean_of(classes.rankings, &Ranking::roc_auc, true);
  json["average_precision"] = mean_of(classes.rankings, &Ranking::average_precision, false);
  json["log_loss"] = classes.calibration.log_loss();
  json["brier_score"] = classes.calibration.brier_score();
  json["expected_calibration_error"] = classes.calibration.expected_error();
  json["maximum_calibration_error"] = classes.calibration.maximum_error();
  json["reliability"] = reliability(classes.calibration);
  json["classes"] = class_rows(report);
  Json rows = Json::array();
  for (int64_t wanted = 0; wanted < matrix.classes(); ++wanted) {
    Json row = Json::array();
    for (int64_t c = 0; c < matrix.classes(); ++c) row.push_back(matrix.count(wanted, c));
    rows.push_back(row);
  }
  json["confusion"] = rows;
}

void add_numbers(const RegressionReport& numbers, Json& json) {
  Json rows = Json::array();
  for (const RegressionReport::Output& output : numbers.outputs) {
    const RegressionScore& score = output.score;
    rows.push_back({{"name", output.name},
                    {"mse", score.mse},
                    {"rmse", score.rmse},
                    {"mae", score.mae},
                    {"median_absolute_error", score.median_absolute_error},
                    {"max_error", score.max_error},
                    {"r2", score.r2},
                    {"explained_variance", score.explained_variance}});
  }
  json["outputs"] = rows;
}

void add_labels(const LabelsReport& labels, Json& json) {
  json["hamming_loss"] = labels.hamming_loss;
  Json rows = Json::array();
  for (const LabelsReport::Label& label : labels.labels) {
    Json row = {{"name", label.name}};
    row.update(to_json(score_of_class(label.counts, 1)));
    row["accuracy"] = accuracy(label.counts);
    row["support"] = label.counts.support(1);
    row["predicted"] = label.counts.predicted(1);
    row["roc_auc"] = label.ranking.roc_auc;
    row["average_precision"] = label.ranking.average_precision;
    rows.push_back(row);
  }
  json["labels"] = rows;
}

void add_language(const LanguageReport& text, Json& json) {
  json["tokens"] = text.tokens;
  json["perplexity"] = text.perplexity;
  json["bits_per_token"] = text.bits_per_token;
}

Json top_losses(const Report& report) {
  Json rows = Json::array();
  for (const TopLosses::Sample& sample : report.top_losses) {
    Json row = {{"index", sample.index}, {"loss", sample.loss}};
    if (report.classes) {
      row["wanted"] = report.class_names[static_cast<size_t>(sample.wanted)];
      row["predicted"] = report.class_names[static_cast<size_t>(sample.predicted)];
      row["wanted_class"] = whole(sample.wanted);
      row["predicted_class"] = whole(sample.predicted);
      row["confidence"] = sample.confidence;
    } else if (report.numbers) {
      row["wanted"] = sample.wanted;
      row["predicted"] = sample.predicted;
    }
    rows.push_back(row);
  }
  return rows;
}

const char* kind_of(const Report& report) {
  if (report.labels) return "labels";
  return report.classes ? "classification" : report.numbers ? "regression" : "language";
}

}  // namespace

std::string to_json(const Report& report, std::string_view split) {
  Json json = {{"format", "gradus report"},
               {"version", 1},
               {"kind", kind_of(report)},
               {"split", split},
               {"samples", report.score.samples}};
  for (const auto& [name, value] : metrics_of(report.score)) json[std::string(name)] = value;
  if (report.classes) add_classes(report, json);
  if (report.numbers) add_numbers(*report.numbers, json);
  if (report.labels) add_labels(*report.labels, json);
  if (report.language) add_language(*report.language, json);
  json["top_losses"] = top_losses(report);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string report_text(const Report& report) {
  if (report.language) {
    const LanguageReport& text = *report.language;
    std::string out = fmt::format("perplexity {:.4f}, bits per token {:.4f}", text.perplexity,
                                  text.bits_per_token);
    if (text.bits_per_character)
      out += fmt::format(", bits per character {:.4f}", *text.bits_per_character);
    return out + "\n";
  }
  if (report.numbers) {
    std::string out;
    for (const RegressionReport::Output& output : report.numbers->outputs)
      out +=
          fmt::format("{}: rmse {:.6g}, mae {:.6g}, r2 {:.4f}, largest error {:.6g}\n", output.name,
                      output.score.rmse, output.score.mae, output.score.r2, output.score.max_error);
    return out;
  }
  if (report.labels) {
    std::string out;
    for (const LabelsReport::Label& label : report.labels->labels) {
      const ClassScore score = score_of_class(label.counts, 1);
      out += fmt::format("{}: precision {:.4f}, recall {:.4f}, F1 {:.4f}, {} of {} samples\n",
                         label.name, score.precision, score.recall, score.f1,
                         label.counts.support(1), label.counts.total());
    }
    return out;
  }
  const ClassificationReport& classes = *report.classes;
  const ClassScore macro = averaged_score(classes.confusion, ClassAverage::macro);
  return fmt::format(
      "macro precision {:.4f}, recall {:.4f}, F1 {:.4f}; Matthews {:.4f}; calibration error "
      "{:.4f}\n",
      macro.precision, macro.recall, macro.f1, matthews_correlation(classes.confusion),
      classes.calibration.expected_error());
}

}  // namespace gradus
