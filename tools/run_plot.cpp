// SPDX-License-Identifier: Apache-2.0
#include "tools/run_plot.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include <fmt/format.h>

namespace gradus {
namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr size_t most_points = 1200;  // of a curve; the eye sees no more

// The least and the largest of every group of neighbours, in their order.
Points thinned(const Points& points) {
  if (points.size() <= most_points) return points;
  const size_t group = (2 * points.size() + most_points - 1) / most_points;
  Points kept;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(group, points.size() - begin));
    const auto by_y = [](const auto& a, const auto& b) { return a.second < b.second; };
    auto [low, high] = std::minmax_element(first, last, by_y);
    if (high < low) std::swap(low, high);
    kept.push_back(*low);
    if (high != low) kept.push_back(*high);
  }
  return kept;
}

std::string name_of(const RunRecord& run) {
  const std::filesystem::path path(run.path);
  return (path.has_filename() ? path.filename() : path.parent_path().filename()).string();
}

void add_training_loss(PlotPanel& panel, const RunRecord& run, const std::string& name,
                       int colour) {
  Points raw, smooth;
  std::vector<double> losses;
  for (const StepRecord& step : run.steps) losses.push_back(step.loss);
  const std::vector<double> means = running_mean(losses, 0.98);
  for (size_t i = 0; i < losses.size(); ++i) {
    const auto x = static_cast<double>(run.steps[i].step);
    raw.emplace_back(x, losses[i]);
    smooth.emplace_back(x, means[i]);
  }
  panel.series.push_back({.name = name, .points = thinned(raw), .pale = true, .colour = colour});
  panel.series.push_back({.name = name, .points = thinned(smooth), .colour = colour});
}

void add_evaluations(PlotPanel& panel, const RunRecord& run, const std::string& metric,
                     const std::string& name, int colour) {
  std::set<std::string> splits;
  for (const EvaluationRecord& evaluation : run.evaluations) splits.insert(evaluation.split);
  for (const std::string& split : splits) {
    Points points;
    for (const EvaluationRecord& evaluation : run.evaluations) {
      const auto found = evaluation.metrics.find(metric);
      if (evaluation.split == split && found != evaluation.metrics.end())
        points.emplace_back(static_cast<double>(evaluation.step), found->second);
    }
    if (!points.empty())
      panel.series.push_back({.name = name.empty() ? split : name + " " + split,
                              .points = points,
                              .marked = true,
                              .colour = colour++});
  }
}

std::set<std::string> other_metrics(std::span<const RunRecord> runs) {
  std::set<std::string> names;
  for (const RunRecord& run : runs)
    for (const EvaluationRecord& evaluation : run.evaluations)
      for (const auto& [name, value] : evaluation.metrics)
        if (name != "loss") names.insert(name);
  return names;
}

}  // namespace

std::vector<double> running_mean(const std::vector<double>& values, double decay) {
  std::vector<double> means;
  double sum = 0, weight = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum = decay * sum + value;
      weight = decay * weight + 1;
    }
    means.push_back(weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN());
  }
  return means;
}

std::vector<PlotPanel> plot_runs(std::span<const RunRecord> runs) {
  const bool one = runs.size() == 1;
  std::vector<PlotPanel> panels = {{.title = one ? name_of(runs[0]) + ": loss" : "loss",
                                    .x_label = "optimizer step",
                                    .y_label = "loss (nats)",
                                    .series = {}}};
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto colour = static_cast<int>(i);
    const std::string name = one ? "" : name_of(runs[i]);
    add_training_loss(panels[0], runs[i], one ? "train" : name + " train", colour);
    add_evaluations(panels[0], runs[i], "loss", name, one ? 1 : colour);
  }
  for (const std::string& metric : other_metrics(runs)) {
    PlotPanel panel{.title = one ? name_of(runs[0]) + ": " + metric : metric,
                    .x_label = "optimizer step",
                    .y_label = metric,
                    .series = {}};
    for (size_t i = 0; i < runs.size(); ++i)
      add_evaluations(panel, runs[i], metric, one ? "" : name_of(runs[i]),
                      one ? 1 : static_cast<int>(i));
    panels.push_back(std::move(panel));
  }
  return panels;
}

}  // namespace gradus
