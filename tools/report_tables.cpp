// SPDX-License-Identifier: Apache-2.0
#include "tools/report_tables.h"

#include <fmt/format.h>

#include "tools/csv_text.h"

namespace gradus {
namespace {

std::string confusion_table(const Report& report) {
  const ConfusionMatrix& matrix = report.classes->confusion;
  std::string text = "wanted";
  for (const std::string& name : report.class_names) text += "," + csv_cell(name);
  text += "\n";
  for (int64_t wanted = 0; wanted < matrix.classes(); ++wanted) {
    text += csv_cell(report.class_names[static_cast<size_t>(wanted)]);
    for (int64_t c = 0; c < matrix.classes(); ++c)
      text += fmt::format(",{}", matrix.count(wanted, c));
    text += "\n";
  }
  return text;
}

std::string class_table(const Report& report) {
  const ClassificationReport& classes = *report.classes;
  std::string text = "class,precision,recall,f1,support,predicted,roc_auc,average_precision\n";
  for (int64_t c = 0; c < classes.confusion.classes(); ++c) {
    const ClassScore score = score_of_class(classes.confusion, c);
    text += fmt::format("{},{},{},{},{},{}", csv_cell(report.class_names[static_cast<size_t>(c)]),
                        csv_number(score.precision), csv_number(score.recall), csv_number(score.f1),
                        classes.confusion.support(c), classes.confusion.predicted(c));
    if (classes.rankings.empty()) {
      text += ",,\n";
      continue;
    }
    const Ranking& ranking = classes.rankings[static_cast<size_t>(c)];
    text +=
        fmt::format(",{},{}\n", csv_number(ranking.roc_auc), csv_number(ranking.average_precision));
  }
  return text;
}

std::string label_table(const LabelsReport& labels) {
  std::string text =
      "label,precision,recall,f1,accuracy,support,predicted,roc_auc,average_precision\n";
  for (const LabelsReport::Label& label : labels.labels) {
    const ClassScore score = score_of_class(label.counts, 1);
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_cell(label.name),
                        csv_number(score.precision), csv_number(score.recall), csv_number(score.f1),
                        csv_number(accuracy(label.counts)), label.counts.support(1),
                        label.counts.predicted(1), csv_number(label.ranking.roc_auc),
                        csv_number(label.ranking.average_precision));
  }
  return text;
}

// Every threshold of every class, from which both curves are drawn.
std::string curve_table(const Report& report) {
  std::string text =
      "class,threshold,true_positives,false_positives,true_positive_rate,false_positive_rate,"
      "precision\n";
  const auto& rankings = report.classes->rankings;
  for (size_t c = 0; c < rankings.size(); ++c)
    for (const Ranking::Point& point : rankings[c].points)
      text += fmt::format(
          "{},{},{},{},{},{},{}\n", csv_cell(report.class_names[c]), csv_number(point.threshold),
          point.true_positives, point.false_positives, csv_number(rankings[c].recall(point)),
          csv_number(rankings[c].fall_out(point)), csv_number(Ranking::precision(point)));
  return text;
}

std::string calibration_table(const Calibration& calibration) {
  std::string text = "from,to,samples,confidence,accuracy\n";
  for (int64_t k = 0; k < Calibration::bins; ++k) {
    const Calibration::Bin& bin = calibration.reliability()[static_cast<size_t>(k)];
    text += fmt::format("{},{},{},{},{}\n", csv_number(static_cast<double>(k) / Calibration::bins),
                        csv_number(static_cast<double>(k + 1) / Calibration::bins), bin.samples,
                        csv_number(bin.mean_confidence()), csv_number(bin.accuracy()));
  }
  return text;
}

std::string top_loss_table(const Report& report) {
  std::string text = report.classes   ? "index,loss,wanted,predicted,confidence\n"
                     : report.numbers ? "index,loss,wanted,predicted\n"
                                      : "index,loss\n";
  for (const TopLosses::Sample& sample : report.top_losses) {
    text += fmt::format("{},{}", sample.index, csv_number(sample.loss));
    if (report.classes)
      text +=
          fmt::format(",{},{},{}", csv_cell(report.class_names[static_cast<size_t>(sample.wanted)]),
                      csv_cell(report.class_names[static_cast<size_t>(sample.predicted)]),
                      csv_number(sample.confidence));
    else if (report.numbers)
      text += fmt::format(",{},{}", csv_number(sample.wanted), csv_number(sample.predicted));
    text += "\n";
  }
  return text;
}

std::string residual_table(const RegressionReport& numbers) {
  std::string text = "index";
  for (const RegressionReport::Output& output : numbers.outputs)
    text += fmt::format(",{},{}", csv_cell(output.name + " wanted"),
                        csv_cell(output.name + " predicted"));
  text += "\n";
  for (size_t i = 0; i < numbers.outputs[0].wanted.size(); ++i) {
    text += fmt::format("{}", i);
    for (const RegressionReport::Output& output : numbers.outputs)
      text += fmt::format(",{},{}", csv_number(output.wanted[i]), csv_number(output.predicted[i]));
    text += "\n";
  }
  return text;
}

}  // namespace

std::vector<TextFile> report_tables(const Report& report) {
  std::vector<TextFile> files = {{"top_losses.csv", top_loss_table(report)}};
  if (report.classes) {
    files.push_back({"confusion.csv", confusion_table(report)});
    files.push_back({"classes.csv", class_table(report)});
    files.push_back({"calibration.csv", calibration_table(report.classes->calibration)});
    if (!report.classes->rankings.empty()) files.push_back({"curves.csv", curve_table(report)});
  }
  if (report.labels) files.push_back({"labels.csv", label_table(*report.labels)});
  if (report.numbers) files.push_back({"residuals.csv", residual_table(*report.numbers)});
  return files;
}

}  // namespace gradus
