// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "tools/report_tables.h"
#include "tools/svg_matrix.h"
#include "tools/svg_plot.h"

namespace gradus {
namespace {

constexpr int width = 560, height = 460;
constexpr size_t most_points = 2000;  // of a curve or cloud
constexpr size_t most_named = 3;      // curves in a legend

std::string one_plot(PlotPanel panel) { return to_svg({std::move(panel)}, width, height); }

std::string confusion_plot(const Report& report) {
  const ConfusionMatrix& matrix = report.classes->confusion;
  MatrixPlot plot{.title = fmt::format("Confusion of {} samples", matrix.total()),
                  .row_label = "wanted class",
                  .column_label = "predicted class",
                  .names = report.class_names,
                  .counts = {}};
  for (int64_t wanted = 0; wanted < matrix.classes(); ++wanted)
    for (int64_t c = 0; c < matrix.classes(); ++c)
      plot.counts.push_back(static_cast<double>(matrix.count(wanted, c)));
  return to_svg(plot);
}

// Which of the points to draw: the corners, at most most_points of them.
std::vector<Ranking::Point> drawn(const Ranking& ranking) {
  const std::vector<Ranking::Point> all = corners(ranking);
  if (all.size() <= most_points) return all;
  std::vector<Ranking::Point> some;
  for (size_t i = 0; i < most_points; ++i)
    some.push_back(all[i * (all.size() - 1) / (most_points - 1)]);
  return some;
}

struct NamedRanking {
  std::string name;
  const Ranking* ranking;
};

// What curves can be drawn of, those with the lowest `score` first. Of two classes only the second:
// the other's curves say the same.
std::vector<NamedRanking> ranked_by(const Report& report, double Ranking::*score) {
  std::vector<NamedRanking> all;
  if (report.classes) {
    const auto& rankings = report.classes->rankings;
    for (size_t c = rankings.size() == 2 ? 1 : 0; c < rankings.size(); ++c)
      all.push_back({report.class_names[c], &rankings[c]});
  } else if (report.labels) {
    for (const LabelsReport::Label& label : report.labels->labels)
      all.push_back({label.name, &label.ranking});
  }
  std::erase_if(all, [](const NamedRanking& one) {
    return one.ranking->positives == 0 || one.ranking->negatives == 0;
  });
  std::ranges::stable_sort(all, [&](const NamedRanking& a, const NamedRanking& b) {
    return a.ranking->*score < b.ranking->*score;
  });
  return all;
}

template <class Point>
void add_curves(const Report& report, double Ranking::*score, Point&& point, PlotPanel& panel) {
  const std::vector<NamedRanking> order = ranked_by(report, score);
  for (size_t n = order.size(); n-- > 0;) {  // the named ones on top
    const Ranking& ranking = *order[n].ranking;
    const bool pale = n >= most_named;
    PlotSeries series{.name = fmt::format("{} {:.3f}", order[n].name, ranking.*score),
                      .points = {},
                      .pale = pale,
                      .colour = pale ? 0 : static_cast<int>(n)};
    for (const Ranking::Point& at : drawn(ranking)) series.points.push_back(point(ranking, at));
    panel.series.push_back(std::move(series));
  }
}

std::string scope(const Report& report) {
  const size_t count = report.labels ? report.labels->labels.size() : report.class_names.size();
  return count > most_named ? ", lowest" : "";
}

std::string roc_plot(const Report& report) {
  PlotPanel panel{.title = "ROC" + scope(report),
                  .x_label = "false positive rate",
                  .y_label = "true positive rate",
                  .series = {},
                  .unit = true};
  panel.series.push_back({.name = "", .points = {{0, 0}, {1, 1}}, .dashed = true, .colour = 4});
  add_curves(
      report, &Ranking::roc_auc,
      [](const Ranking& ranking, const Ranking::Point& at) {
        return std::pair{ranking.fall_out(at), ranking.recall(at)};
      },
      panel);
  for (size_t i = 1; i < panel.series.size(); ++i)
    panel.series[i].points.insert(panel.series[i].points.begin(), {0, 0});
  return one_plot(std::move(panel));
}

std::string precision_recall_plot(const Report& report) {
  PlotPanel panel{.title = "Precision-recall" + scope(report),
                  .x_label = "recall",
                  .y_label = "precision",
                  .series = {},
                  .unit = true};
  add_curves(
      report, &Ranking::average_precision,
      [](const Ranking& ranking, const Ranking::Point& at) {
        return std::pair{ranking.recall(at), Ranking::precision(at)};
      },
      panel);
  return one_plot(std::move(panel));
}

std::string calibration_plot(const Calibration& calibration) {
  PlotPanel panel{
      .title = fmt::format("Reliability, calibration error {:.4f}", calibration.expected_error()),
      .x_label = "confidence (probability of the predicted class)",
      .y_label = "accuracy",
      .series = {},
      .unit = true};
  panel.series.push_back(
      {.name = "ideal", .points = {{0, 0}, {1, 1}}, .dashed = true, .colour = 4});
  PlotSeries bins{.name = "model", .points = {}, .marked = true};
  for (const Calibration::Bin& bin : calibration.reliability())
    if (bin.samples > 0) bins.points.emplace_back(bin.mean_confidence(), bin.accuracy());
  panel.series.push_back(std::move(bins));
  return one_plot(std::move(panel));
}

// Where the cloud is too large, samples are left out evenly.
PlotPanel residuals(const RegressionReport::Output& output) {
  PlotPanel panel{.title = fmt::format("{}: residuals, R2 {:.4f}", output.name, output.score.r2),
                  .x_label = "predicted (unit of the data)",
                  .y_label = "wanted - predicted",
                  .series = {},
                  .from_zero = false};
  const size_t count = output.wanted.size(), step = 1 + (count - 1) / most_points;
  PlotSeries cloud{.name = "", .points = {}, .marked = true, .joined = false};
  for (size_t i = 0; i < count; i += step)
    cloud.points.emplace_back(output.predicted[i], output.wanted[i] - output.predicted[i]);
  const auto [low, high] = std::ranges::minmax(output.predicted);
  panel.series.push_back(
      {.name = "", .points = {{low, 0}, {high, 0}}, .dashed = true, .colour = 4});
  panel.series.push_back(std::move(cloud));
  return panel;
}

}  // namespace

std::vector<TextFile> report_plots(const Report& report) {
  std::vector<TextFile> files;
  if (report.classes) {
    files.push_back({"confusion.svg", confusion_plot(report)});
    files.push_back({"calibration.svg", calibration_plot(report.classes->calibration)});
  }
  if (report.labels || (report.classes && !report.classes->rankings.empty())) {
    files.push_back({"roc.svg", roc_plot(report)});
    files.push_back({"precision_recall.svg", precision_recall_plot(report)});
  }
  if (report.numbers) {
    std::vector<PlotPanel> panels;
    for (const RegressionReport::Output& output : report.numbers->outputs)
      panels.push_back(residuals(output));
    files.push_back({"residuals.svg", to_svg(panels, width, height)});
  }
  return files;
}

}  // namespace gradus
