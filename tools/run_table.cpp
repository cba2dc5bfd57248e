// SPDX-License-Identifier: Apache-2.0
#include "tools/run_table.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "training/recipe.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

using Row = std::vector<std::string>;

std::map<std::string, std::string> settings_of(const RunRecord& run) {
  std::map<std::string, std::string> all;
  for (const Recipe::Setting& setting :
       load_recipe(run_path(run.path, run_file::recipe)).settings())
    all[std::string(setting.key->name)] = to_string(setting.value);
  return all;
}

// Columns of evaluations: (split, metric).
using Column = std::pair<std::string, std::string>;

std::set<Column> evaluation_columns(const RunRecord& run) {
  std::set<Column> columns;
  for (const EvaluationRecord& evaluation : run.evaluations)
    for (const auto& [metric, value] : evaluation.metrics)
      columns.insert({evaluation.split, metric});
  return columns;
}

}  // namespace

std::string to_columns(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) line += fmt::format("{:<{}}  ", row[c], widths[c]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::vector<Row> differing_settings(std::span<const RunRecord> runs) {
  std::vector<std::map<std::string, std::string>> settings;
  std::set<std::string> keys;
  for (const RunRecord& run : runs) {
    settings.push_back(settings_of(run));
    for (const auto& [key, value] : settings.back()) keys.insert(key);
  }
  std::vector<Row> rows;
  for (const std::string& key : keys) {
    Row row = {key};
    for (const auto& of_run : settings)
      row.push_back(of_run.contains(key) ? of_run.at(key) : std::string("-"));
    const bool same = std::all_of(row.begin() + 1, row.end(),
                                  [&](const std::string& value) { return value == row[1]; });
    if (!same) rows.push_back(std::move(row));
  }
  return rows;
}

std::string number_text(double value) { return fmt::format("{}", value); }

std::string to_csv(const RunRecord& run) {
  const std::set<Column> columns = evaluation_columns(run);
  std::map<int64_t, std::map<Column, double>> evaluations;
  for (const EvaluationRecord& evaluation : run.evaluations)
    for (const auto& [metric, value] : evaluation.metrics)
      evaluations[evaluation.step][{evaluation.split, metric}] = value;
  std::string text = "step,loss,lr";
  for (const auto& [split, metric] : columns) text += fmt::format(",{}_{}", split, metric);
  text += "\n";
  for (const StepRecord& step : run.steps) {
    text += fmt::format("{},{},{}", step.step, number_text(step.loss), number_text(step.lr));
    const auto here = evaluations.find(step.step);
    for (const Column& column : columns) {
      text += ",";
      if (here != evaluations.end() && here->second.contains(column))
        text += number_text(here->second.at(column));
    }
    text += "\n";
  }
  return text;
}

}  // namespace gradus
