// SPDX-License-Identifier: Apache-2.0
#include "data/table_encoder.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr size_t most_one_hot = 1000;  // a column of names would become a table of zeros

double fill_value(const std::vector<double>& values, MissingPolicy policy) {
  if (policy == MissingPolicy::mean)
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return policy == MissingPolicy::median ? quantile(values, 0.5) : 0;
}

}  // namespace

std::optional<MissingPolicy> parse_missing_policy(std::string_view name) {
  if (name == "error") return MissingPolicy::error;
  if (name == "mean") return MissingPolicy::mean;
  if (name == "median") return MissingPolicy::median;
  if (name == "zero") return MissingPolicy::zero;
  if (name == "drop") return MissingPolicy::drop;
  return std::nullopt;
}

std::vector<int64_t> complete_rows(const Table& table, std::span<const size_t> columns) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < table.rows(); ++row)
    if (std::ranges::none_of(columns, [&](size_t c) { return table.columns[c].is_missing(row); }))
      rows.push_back(row);
  return rows;
}

TableEncoder::TableEncoder(const Table& table, std::vector<size_t> columns,
                           std::span<const int64_t> train, const TableCoding& coding)
    : coding_(coding) {
  GRADUS_CHECK(coding.scaling != Scaling::minmax || coding.low < coding.high,
               "[data.low] expected below data.high = {}, got {}", coding.high, coding.low);
  for (const size_t index : columns) {
    const TableColumn& column = table.columns[index];
    for (const int64_t row : train) check_present(table, index, row);
    Coded coded{.column = index, .scale = {}};
    if (std::ranges::all_of(train, [&](int64_t row) { return column.is_missing(row); }))
      failf(ErrorKind::bad_data, table.sources[0],
            "column '{}' has no value in the training rows; data.drop leaves it out", column.name);
    if (column.kind == ColumnKind::category)
      add_category(column, train, coded);
    else
      add_number(column, train, coded);
    coded_.push_back(std::move(coded));
  }
}

void TableEncoder::check_present(const Table& table, size_t column, int64_t row) const {
  const bool refused =
      coding_.missing == MissingPolicy::error || coding_.missing == MissingPolicy::drop;
  if (refused && table.columns[column].is_missing(row))
    failf(ErrorKind::bad_data, table.place(row),
          "column '{}' is missing; data.missing says what to do then (mean, median, zero, drop)",
          table.columns[column].name);
}

void TableEncoder::add_number(const TableColumn& column, std::span<const int64_t> train,
                              Coded& coded) {
  std::vector<double> values;
  for (const int64_t row : train)
    if (!column.is_missing(row)) values.push_back(column.numbers[static_cast<size_t>(row)]);
  coded.fill = fill_value(values, coding_.missing);
  values.resize(train.size(), coded.fill);  // the scale is of what training will see
  coded.scale = fit_scale(values, coding_.scaling, coding_.low, coding_.high);
  features_.push_back(column.name);
}

void TableEncoder::add_category(const TableColumn& column, std::span<const int64_t> train,
                                Coded& coded) {
  const size_t missing = column.categories.size();
  std::vector<bool> seen(missing + 1);
  for (const int64_t row : train) {
    const int32_t code = column.codes[static_cast<size_t>(row)];
    seen[code == missing_code ? missing : static_cast<size_t>(code)] = true;
  }
  if (coding_.one_hot && missing > most_one_hot)
    failf(ErrorKind::bad_data, "data",
          "column '{}' holds {} different texts, expected at most {}; data.drop leaves it out, "
          "data.categories = 'index' makes it one number",
          column.name, missing, most_one_hot);
  int64_t slots = 0;
  for (size_t i = 0; i <= missing; ++i) {
    coded.slot_of.push_back(seen[i] ? slots++ : -1);
    if (seen[i] && coding_.one_hot)
      features_.push_back(column.name + "=" + (i < missing ? column.categories[i] : "missing"));
  }
  if (coding_.one_hot) return;
  features_.push_back(column.name);
  std::vector<double> indices;
  for (const int64_t row : train) {
    const int32_t code = column.codes[static_cast<size_t>(row)];
    const size_t at = code == missing_code ? missing : static_cast<size_t>(code);
    indices.push_back(static_cast<double>(coded.slot_of[at]));
  }
  coded.scale = fit_scale(indices, coding_.scaling, coding_.low, coding_.high);
}

Tensor TableEncoder::encode(const Table& table, std::span<const int64_t> rows) const {
  const auto width = static_cast<int64_t>(features_.size());
  Tensor result = Tensor::zeros(DType::f64, {static_cast<int64_t>(rows.size()), width});
  double* out = result.data_as<double>();
  for (const int64_t row : rows) {
    const auto at = static_cast<size_t>(row);
    double* feature = out;
    for (const Coded& coded : coded_) {
      const TableColumn& column = table.columns[coded.column];
      check_present(table, coded.column, row);
      if (column.kind != ColumnKind::category) {
        *feature++ = coded.scale.apply(column.is_missing(row) ? coded.fill : column.numbers[at]);
        continue;
      }
      const int32_t code = column.codes[at];
      const int64_t slot =
          coded
              .slot_of[code == missing_code ? column.categories.size() : static_cast<size_t>(code)];
      if (!coding_.one_hot) {
        *feature++ = coded.scale.apply(static_cast<double>(slot));
        continue;
      }
      if (slot >= 0) feature[slot] = 1;
      feature += std::ranges::count_if(coded.slot_of, [](int64_t s) { return s >= 0; });
    }
    out += width;
  }
  return result;
}

std::vector<TableField> TableEncoder::fields(const Table& table) const {
  const bool takes_missing =
      coding_.missing != MissingPolicy::error && coding_.missing != MissingPolicy::drop;
  std::vector<TableField> fields;
  for (const Coded& coded : coded_) {
    const TableColumn& column = table.columns[coded.column];
    TableField field{.name = column.name,
                     .kind = column.kind,
                     .takes_missing = takes_missing,
                     .fill = coded.fill,
                     .scale = coded.scale,
                     .one_hot = coding_.one_hot};
    for (size_t i = 0; i < column.categories.size(); ++i)
      if (coded.slot_of[i] >= 0) field.categories.push_back(column.categories[i]);
    if (column.kind == ColumnKind::category) field.missing_is_category = coded.slot_of.back() >= 0;
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace gradus
