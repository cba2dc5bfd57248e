// SPDX-License-Identifier: Apache-2.0
#include "training/data_card.h"

#include <cmath>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "data/augmentation.h"
#include "data/file_bytes.h"
#include "engine/base/error.h"
#include "training/report.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

constexpr int version = 1;

Json to_json(const ColumnScale& scale) {
  return {{"centre", scale.centre}, {"width", scale.width}, {"offset", scale.offset}};
}

Json to_json(const TableField& field) {
  Json json = {{"name", field.name},
               {"kind", column_kind_name(field.kind)},
               {"takes_missing", field.takes_missing},
               {"scale", to_json(field.scale)}};
  if (field.kind == ColumnKind::category) {
    json["one_hot"] = field.one_hot;
    json["missing_is_category"] = field.missing_is_category;
    json["categories"] = field.categories;
  } else {
    json["fill"] = field.fill;
  }
  return json;
}

double finite(const Json& json) {
  const double value = json.get<double>();
  if (!std::isfinite(value)) fail(ErrorKind::bad_data, "", "a number is not finite");
  return value;
}

ColumnScale parse_scale(const Json& json) {
  const ColumnScale scale{finite(json.at("centre")), finite(json.at("width")),
                          finite(json.at("offset"))};
  if (scale.width == 0) fail(ErrorKind::bad_data, "", "a scale has the width 0");
  return scale;
}

ColumnKind parse_kind(const std::string& name) {
  for (const ColumnKind kind : {ColumnKind::number, ColumnKind::date, ColumnKind::category})
    if (name == column_kind_name(kind)) return kind;
  failf(ErrorKind::bad_data, "", "unknown kind of column '{}'", name);
}

TableField parse_field(const Json& json) {
  TableField field;
  field.name = json.at("name").get<std::string>();
  field.kind = parse_kind(json.at("kind").get<std::string>());
  field.takes_missing = json.at("takes_missing").get<bool>();
  field.scale = parse_scale(json.at("scale"));
  if (field.kind != ColumnKind::category) {
    field.fill = finite(json.at("fill"));
    return field;
  }
  field.one_hot = json.at("one_hot").get<bool>();
  field.missing_is_category = json.at("missing_is_category").get<bool>();
  field.categories = json.at("categories").get<std::vector<std::string>>();
  return field;
}

DataCard parse_members(const Json& json) {
  if (json.at("format") != "gradus data card") fail(ErrorKind::bad_data, "", "not a data card");
  if (const int found = json.at("version").get<int>(); found != version)
    failf(ErrorKind::unsupported, "", "version {} of data cards, expected {}", found, version);
  DataCard card;
  card.format = json.at("data_format").get<std::string>();
  card.tokens = json.at("tokens").get<bool>();
  const auto sizes = json.at("sample").get<std::vector<int64_t>>();
  int64_t count = 1;
  for (const int64_t size : sizes)
    if (size < 1 || __builtin_mul_overflow(count, size, &count) || count > (int64_t{1} << 40))
      fail(ErrorKind::bad_data, "", "impossible shape of a sample");
  card.sample = Shape(sizes);
  card.class_names = json.at("class_names").get<std::vector<std::string>>();
  card.target_names = json.at("target_names").get<std::vector<std::string>>();
  for (const Json& scale : json.at("target_scales"))
    card.target_scales.push_back(parse_scale(scale));
  for (const Json& field : json.at("fields")) card.fields.push_back(parse_field(field));
  card.labels = json.value("labels", false);
  int64_t width = 0;
  for (const TableField& field : card.fields) width += field.inputs();
  // Of a series a sample has several rows of each column, of a graph a row for each node.
  const bool fits = card.format == "series" && width > 0
                        ? card.sample.rank() == 1 && card.sample[0] % width == 0
                    : card.format == "graph" ? card.sample.rank() == 2 && card.sample[1] == width
                                             : card.sample == Shape{width};
  if ((!card.fields.empty() && !fits) || card.target_names.size() != card.target_scales.size() ||
      (!card.tokens && card.outputs() == 0) || (card.labels && !card.class_names.empty()))
    fail(ErrorKind::bad_data, "", "its members contradict each other");
  return card;
}

}  // namespace

DataCard describe_data(const Recipe& recipe, const Dataset& data) {
  DataCard card{.format = recipe.text("data.format"),
                .tokens = data.input_is_index(),
                .sample = data.sample_shape(),
                .class_names = {},
                .target_names = data.target_names(),
                .target_scales = data.target_scales(),
                .fields = data.table_fields(),
                .labels = data.targets_are_labels()};
  if (data.classes() > 0) {
    card.target_names.clear();
    if (!card.tokens) card.class_names = names_of_classes(data);
  }
  for (size_t k = card.target_names.size(); k < card.target_scales.size(); ++k)
    card.target_names.push_back(fmt::format("{}", k));
  return card;
}

std::string to_json(const DataCard& card) {
  Json json = {{"format", "gradus data card"},
               {"version", version},
               {"data_format", card.format},
               {"tokens", card.tokens},
               {"sample", std::vector<int64_t>(card.sample.begin(), card.sample.end())},
               {"class_names", card.class_names},
               {"target_names", card.target_names},
               {"target_scales", Json::array()},
               {"fields", Json::array()}};
  for (const ColumnScale& scale : card.target_scales)
    json["target_scales"].push_back(to_json(scale));
  for (const TableField& field : card.fields) json["fields"].push_back(to_json(field));
  if (card.labels) json["labels"] = true;
  // File names, of which classes may be made, need not be UTF-8.
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

DataCard parse_data_card(const std::string& text, const std::string& source) {
  try {
    return parse_members(Json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::bad_data, source, error.what());
  } catch (const Error& error) {
    fail(error.kind(), source, error.what());
  }
}

DataCard load_data_card(const std::string& run) {
  const std::string path = run_path(run, run_file::data);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    failf(ErrorKind::not_found, run, "has no {}, which training writes; train it again",
          run_file::data);
  constexpr int64_t limit = int64_t{1} << 28;
  const std::vector<uint8_t> bytes = read_bytes(path, limit);
  return parse_data_card({bytes.begin(), bytes.end()}, path);
}

std::unique_ptr<Dataset> coded_samples(const DataCard& card, const Recipe& recipe, Tensor inputs,
                                       const std::string& name) {
  const int64_t samples = inputs.shape()[0];
  Shape sample = inputs.shape();
  sample.erase(0);
  if (sample != card.sample)
    failf(ErrorKind::bad_data, name, "samples, expected {}, got {}", to_string(card.sample),
          to_string(sample));
  const Tensor labels = Tensor::zeros(DType::i64, {samples});
  constexpr int64_t classes = 2;
  if (!card.fields.empty())
    return make_labelled_dataset({name, name}, std::move(inputs), labels, classes, {});
  const double scale = inputs.dtype() == DType::u8 ? 255 : 1;
  const std::vector<double>& mean = recipe.reals("data.mean");
  const std::vector<double>& deviation = recipe.reals("data.deviation");
  const bool plain = mean == std::vector<double>{0} && deviation == std::vector<double>{1};
  // As training did it: in one step, or first into [0, 1].
  if (card.format == "idx" || plain)
    return make_labelled_dataset({name, name}, std::move(inputs), labels, classes,
                                 {scale, mean, deviation});
  return make_augmented_dataset(
      make_labelled_dataset({name, name}, std::move(inputs), labels, classes, {scale}), {},
      {1, mean, deviation}, 0);
}

}  // namespace gradus
