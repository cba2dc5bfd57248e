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

Json class_json(const PredictionRow& row, size_t place) {
  Json json = {{"class", row.answers[place].first}, {"probability", row.answers[place].second}};
  if (!row.spreads.empty()) json["spread"] = row.spreads[place];
  return json;
}

// Whether the label is said to apply.
bool applies(double probability) { return probability > 0.5; }

Json answers_json(const PredictionRow& row, const DataCard& card) {
  Json json = place_json(row.place);
  if (!row.fault.empty()) {
    json["error"] = row.fault;
  } else if (!card.class_names.empty()) {
    json.update(class_json(row, 0));
    if (row.answers.size() > 1)
      for (size_t k = 0; k < row.answers.size(); ++k) json["top"].push_back(class_json(row, k));
  } else {
    if (card.labels) json["labels"] = Json::array();
    for (const auto& [name, value] : row.answers) {
      if (card.labels && applies(value)) json["labels"].push_back(name);
      json[card.labels ? "probabilities" : "values"][name] = value;
    }
    for (size_t k = 0; k < row.spreads.size(); ++k)
      json["spread"][row.answers[k].first] = row.spreads[k];
  }
  return json;
}

std::string csv_header(const DataCard& card, const PredictionForm& form, size_t count) {
  std::string text = "input,row,line";
  for (size_t i = 0; i < count; ++i) {
    const std::string place = i == 0 ? "" : fmt::format("_{}", i + 1);
    if (card.class_names.empty()) {
      text += "," + csv_cell(card.target_names[i]);
      if (form.spread) text += "," + csv_cell("spread of " + card.target_names[i]);
    } else {
      text += fmt::format(",class{0},probability{0}", place);
      if (form.spread) text += ",spread" + place;
    }
  }
  return text + ",error\n";
}

}  // namespace

PredictionRow prediction_row(const DataCard& card, const SamplePlace& place,
                             const Predictor::Answer& said, int64_t top) {
  const std::span<const double> answer = said.values;
  PredictionRow row{.place = place};
  if (card.class_names.empty()) {
    for (size_t k = 0; k < answer.size(); ++k)
      row.answers.emplace_back(card.target_names[k],
                               answer[k] + (place.base.empty() ? 0 : place.base[k]));
    row.labels = card.labels;
    row.spreads.assign(said.spread.begin(), said.spread.end());
    return row;
  }
  std::vector<size_t> order(answer.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto count =
      static_cast<size_t>(std::min<int64_t>(top, static_cast<int64_t>(answer.size())));
  std::ranges::partial_sort(
      order, order.begin() + static_cast<int64_t>(count),
      [&](size_t a, size_t b) { return answer[a] != answer[b] ? answer[a] > answer[b] : a < b; });
  for (size_t i = 0; i < count; ++i) {
    row.answers.emplace_back(card.class_names[order[i]], answer[order[i]]);
    if (!said.spread.empty()) row.spreads.push_back(said.spread[order[i]]);
  }
  return row;
}

std::string prediction_text(const PredictionRow& row) {
  std::string text = row.place.text() + ":";
  bool first = true;
  for (size_t i = 0; i < row.answers.size(); ++i) {
    if (row.labels && !applies(row.answers[i].second)) continue;
    text +=
        fmt::format("{} {} {:.6g}", first ? "" : ",", row.answers[i].first, row.answers[i].second);
    first = false;
    if (!row.spreads.empty()) text += fmt::format(" (spread {:.3g})", row.spreads[i]);
  }
  if (first) text += fmt::format(" none of {} labels", row.answers.size());
  return text;
}

std::string predictions_json(const std::vector<PredictionRow>& rows, const DataCard& card) {
  Json json = Json::array();
  for (const PredictionRow& row : rows) json.push_back(answers_json(row, card));
  return json_line(json);
}

std::string predictions_csv(const std::vector<PredictionRow>& rows, const DataCard& card,
                            const PredictionForm& form) {
  const bool is_class = !card.class_names.empty();
  const auto count = static_cast<size_t>(
      is_class ? std::min<int64_t>(form.top, static_cast<int64_t>(card.class_names.size()))
               : static_cast<int64_t>(card.target_names.size()));
  std::string text = csv_header(card, form, count);
  const auto number = [](int64_t value) { return value < 0 ? "" : fmt::to_string(value); };
  for (const PredictionRow& row : rows) {
    text += fmt::format("{},{},{}", csv_cell(row.place.file), number(row.place.row),
                        number(row.place.line));
    for (size_t i = 0; i < count; ++i) {
      const bool there = i < row.answers.size();
      if (is_class) text += "," + (there ? csv_cell(row.answers[i].first) : "");
      text += "," + (there ? csv_number(row.answers[i].second) : "");
      if (form.spread) text += "," + (there ? csv_number(row.spreads[i]) : "");
    }
    text += "," + csv_cell(row.fault) + "\n";
  }
  return text;
}

}  // namespace gradus
