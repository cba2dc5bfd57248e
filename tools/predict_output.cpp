// SPDX-License-Identifier: Apache-2.0
#include "tools/predict_output.h"
#include "tools/json_line.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/csv_text.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

Json place_json(const SamplePlace& place) {
  Json json = {{"input", place.file}};
  if (place.row >= 0) json["row"] = place.row;
  if (place.line >= 0) json["line"] = place.line;
  return json;
}

Json answers_json(const PredictionRow& row, bool is_class) {
  Json json = place_json(row.place);
  if (!row.fault.empty()) {
    json["error"] = row.fault;
  } else if (is_class) {
    json["class"] = row.answers[0].first;
    json["probability"] = row.answers[0].second;
    if (row.answers.size() > 1)
      for (const auto& [name, probability] : row.answers)
        json["top"].push_back({{"class", name}, {"probability", probability}});
  } else {
    for (const auto& [name, value] : row.answers) json["values"][name] = value;
  }
  return json;
}

}  // namespace

PredictionRow prediction_row(const DataCard& card, const SamplePlace& place,
                             std::span<const double> answer, int64_t top) {
  PredictionRow row{.place = place, .answers = {}, .fault = {}};
  if (card.class_names.empty()) {
    for (size_t k = 0; k < answer.size(); ++k)
      row.answers.emplace_back(card.target_names[k],
                               answer[k] + (place.base.empty() ? 0 : place.base[k]));
    return row;
  }
  std::vector<size_t> order(answer.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto count =
      static_cast<size_t>(std::min<int64_t>(top, static_cast<int64_t>(answer.size())));
  std::ranges::partial_sort(
      order, order.begin() + static_cast<int64_t>(count),
      [&](size_t a, size_t b) { return answer[a] != answer[b] ? answer[a] > answer[b] : a < b; });
  for (size_t i = 0; i < count; ++i)
    row.answers.emplace_back(card.class_names[order[i]], answer[order[i]]);
  return row;
}

std::string prediction_text(const PredictionRow& row) {
  std::string text = row.place.text() + ":";
  for (size_t i = 0; i < row.answers.size(); ++i)
    text +=
        fmt::format("{} {} {:.6g}", i > 0 ? "," : "", row.answers[i].first, row.answers[i].second);
  return text;
}

std::string predictions_json(const std::vector<PredictionRow>& rows, bool is_class) {
  Json json = Json::array();
  for (const PredictionRow& row : rows) json.push_back(answers_json(row, is_class));
  return json_line(json);
}

std::string predictions_csv(const std::vector<PredictionRow>& rows, const DataCard& card,
                            int64_t top) {
  const bool is_class = !card.class_names.empty();
  const auto count = static_cast<size_t>(
      is_class ? std::min<int64_t>(top, static_cast<int64_t>(card.class_names.size()))
               : static_cast<int64_t>(card.target_names.size()));
  std::string text = "input,row,line";
  for (size_t i = 0; i < count; ++i)
    text += is_class
                ? fmt::format(",class{0},probability{0}", i == 0 ? "" : fmt::format("_{}", i + 1))
                : "," + csv_cell(card.target_names[i]);
  text += ",error\n";
  const auto number = [](int64_t value) { return value < 0 ? "" : fmt::to_string(value); };
  for (const PredictionRow& row : rows) {
    text += fmt::format("{},{},{}", csv_cell(row.place.file), number(row.place.row),
                        number(row.place.line));
    for (size_t i = 0; i < count; ++i) {
      const bool there = i < row.answers.size();
      if (is_class) text += "," + (there ? csv_cell(row.answers[i].first) : "");
      text += "," + (there ? csv_number(row.answers[i].second) : "");
    }
    text += "," + csv_cell(row.fault) + "\n";
  }
  return text;
}

}  // namespace gradus
