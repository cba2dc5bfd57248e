// SPDX-License-Identifier: Apache-2.0
#include "tools/learning_curve_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "tools/csv_text.h"
#include "tools/run_table.h"
#include "tools/svg_plot.h"
#include "training/tune/json_line.h"

namespace gradus {
namespace {

std::vector<std::string> metric_names(const LearningCurve& curve) {
  std::vector<std::string> names;
  for (const LearningCurvePoint& point : curve.points)
    for (const auto& [name, value] : metrics_of(point.score))
      if (!std::ranges::count(names, name)) names.emplace_back(name);
  return names;
}

double value_of(const LearningCurvePoint& point, const std::string& metric) {
  for (const auto& [name, value] : metrics_of(point.score))
    if (name == metric) return value;
  return std::nan("");
}

// Values of the runs of each size.
std::map<int64_t, std::vector<double>> by_size(const LearningCurve& curve,
                                               const std::string& metric) {
  std::map<int64_t, std::vector<double>> values;
  for (const LearningCurvePoint& point : curve.points)
    values[point.samples].push_back(value_of(point, metric));
  return values;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::string spread_text(const std::vector<double>& values) {
  if (values.size() < 2) return fmt::format("{:.4f}", values[0]);
  return fmt::format("{:.4f} ({:.4f} to {:.4f})", mean(values), std::ranges::min(values),
                     std::ranges::max(values));
}

PlotPanel panel_of(const LearningCurve& curve, const std::string& metric) {
  PlotSeries means{.name = "mean of seeds", .points = {}, .marked = true};
  PlotSeries runs{.name = "runs", .points = {}, .marked = true, .joined = false, .colour = 1};
  for (const auto& [samples, values] : by_size(curve, metric)) {
    const double x = std::log10(static_cast<double>(samples));
    means.points.emplace_back(x, mean(values));
    for (const double value : values) runs.points.emplace_back(x, value);
  }
  PlotPanel panel{.title = "Learning curve: " + curve.split + " " + metric,
                  .x_label = "training samples, logarithm to base 10",
                  .y_label = curve.split + " " + metric,
                  .series = {means},
                  .from_zero = false};
  if (runs.points.size() > means.points.size()) panel.series.push_back(runs);
  return panel;
}

}  // namespace

std::string to_text(const LearningCurve& curve) {
  const std::vector<std::string> metrics = metric_names(curve);
  std::vector<std::vector<std::string>> rows = {{"samples", "runs"}};
  for (const std::string& metric : metrics) rows[0].push_back(curve.split + " " + metric);
  std::map<int64_t, size_t> row_of;
  for (const std::string& metric : metrics)
    for (const auto& [samples, values] : by_size(curve, metric)) {
      const auto [entry, is_first] = row_of.try_emplace(samples, rows.size());
      if (is_first) rows.push_back({fmt::to_string(samples), fmt::to_string(values.size())});
      rows[entry->second].push_back(spread_text(values));
    }
  return to_columns(rows);
}

std::string to_csv(const LearningCurve& curve) {
  const std::vector<std::string> metrics = metric_names(curve);
  std::string text = "samples,seed,steps,training_loss";
  for (const std::string& metric : metrics) text += fmt::format(",{}_{}", curve.split, metric);
  text += '\n';
  for (const LearningCurvePoint& point : curve.points) {
    text += fmt::format("{},{},{},{}", point.samples, point.seed, point.steps,
                        csv_number(point.training_loss));
    for (const std::string& metric : metrics) text += ',' + csv_number(value_of(point, metric));
    text += '\n';
  }
  return text;
}

std::string to_svg(const LearningCurve& curve) {
  std::vector<PlotPanel> panels;
  for (const std::string& metric : metric_names(curve)) panels.push_back(panel_of(curve, metric));
  return to_svg(panels);
}

std::string to_json(const LearningCurve& curve, const std::string& folder) {
  std::string points;
  for (const LearningCurvePoint& point : curve.points) {
    std::string metrics;
    for (const auto& [name, value] : metrics_of(point.score))
      metrics +=
          fmt::format("{}{}:{}", metrics.empty() ? "" : ",", json_text(name), json_number(value));
    points += fmt::format(
        R"({}{{"samples":{},"seed":{},"steps":{},"training_loss":{},"metrics":{{{}}},"run":{}}})",
        points.empty() ? "" : ",", point.samples, point.seed, point.steps,
        json_number(point.training_loss), metrics, json_text(point.run));
  }
  return fmt::format(R"({{"run":{},"split":{},"points":[{}]}})", json_text(folder),
                     json_text(curve.split), points);
}

}  // namespace gradus
