// SPDX-License-Identifier: Apache-2.0
#include "data/table_encoder.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr size_t most_one_hot = 1000;  // a column of names would become a table of zeros

double fill_value(const std::vector<double>& values, MissingPolicy policy) {
  if (policy == MissingPolicy::mean)
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return policy == MissingPolicy::median ? quantile(values, 0.5) : 0;
}

// As TableEncoder::Coded::slot_of.
std::vector<int64_t> slots_of(const TableColumn& column, const TableField& field) {
  std::unordered_map<std::string_view, int64_t> places;
  for (size_t i = 0; i < field.categories.size(); ++i)
    places.emplace(field.categories[i], static_cast<int64_t>(i));
  std::vector<int64_t> slots;
  for (const std::string& text : column.categories) {
    const auto found = places.find(text);
    slots.push_back(found == places.end() ? -1 : found->second);
  }
  slots.push_back(field.missing_is_category ? std::ssize(field.categories) : -1);
  return slots;
}

int64_t slot_at(const TableColumn& column, const std::vector<int64_t>& slots, int64_t row) {
  const int32_t code = column.codes[static_cast<size_t>(row)];
  return code == missing_code ? slots.back() : slots[static_cast<size_t>(code)];
}

void check_present(const Table& table, size_t column, int64_t row, bool takes_missing) {
  if (!takes_missing && table.columns[column].is_missing(row))
    failf(ErrorKind::bad_data, table.place(row),
          "column '{}' is missing; data.missing says what to do then (mean, median, zero, drop)",
          table.columns[column].name);
}

void fit_number(const TableColumn& column, std::span<const int64_t> train,
                const TableCoding& coding, TableField& field) {
  std::vector<double> values;
  for (const int64_t row : train)
    if (!column.is_missing(row)) values.push_back(column.numbers[static_cast<size_t>(row)]);
  field.fill = fill_value(values, coding.missing);
  values.resize(train.size(), field.fill);  // the scale is of what training will see
  field.scale = fit_scale(values, coding.scaling, coding.low, coding.high);
}

void fit_category(const TableColumn& column, std::span<const int64_t> train,
                  const TableCoding& coding, TableField& field) {
  const size_t missing = column.categories.size();
  std::vector<bool> seen(missing + 1);
  for (const int64_t row : train) {
    const int32_t code = column.codes[static_cast<size_t>(row)];
    seen[code == missing_code ? missing : static_cast<size_t>(code)] = true;
  }
  if (coding.one_hot && missing > most_one_hot)
    failf(ErrorKind::bad_data, "data",
          "column '{}' holds {} different texts, expected at most {}; data.drop leaves it out, "
          "data.categories = 'index' makes it one number",
          column.name, missing, most_one_hot);
  for (size_t i = 0; i < missing; ++i)
    if (seen[i]) field.categories.push_back(column.categories[i]);
  field.missing_is_category = seen[missing];
  if (coding.one_hot) return;
  const std::vector<int64_t> slots = slots_of(column, field);
  std::vector<double> indices;
  for (const int64_t row : train)
    indices.push_back(static_cast<double>(slot_at(column, slots, row)));
  field.scale = fit_scale(indices, coding.scaling, coding.low, coding.high);
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

TableSchema with_kinds(TableSchema schema, std::span<const TableField> fields,
                       const std::vector<std::string>& columns, const std::string& source) {
  for (const TableField& field : fields) {
    if (!std::ranges::count(columns, field.name))
      failf(ErrorKind::bad_data, source,
            "has no column '{}', which the run learnt from; its columns are: {}", field.name,
            fmt::join(columns, ", "));
    if (field.kind == ColumnKind::number) schema.numbers.push_back(field.name);
    if (field.kind == ColumnKind::category) schema.categories.push_back(field.name);
  }
  return schema;
}

TableEncoder::TableEncoder(const Table& table, const std::vector<size_t>& columns,
                           std::span<const int64_t> train, const TableCoding& coding) {
  GRADUS_CHECK(coding.scaling != Scaling::minmax || coding.low < coding.high,
               "[data.low] expected below data.high = {}, got {}", coding.high, coding.low);
  const bool takes_missing =
      coding.missing != MissingPolicy::error && coding.missing != MissingPolicy::drop;
  for (const size_t index : columns) {
    const TableColumn& column = table.columns[index];
    for (const int64_t row : train) check_present(table, index, row, takes_missing);
    if (std::ranges::all_of(train, [&](int64_t row) { return column.is_missing(row); }))
      failf(ErrorKind::bad_data, table.sources[0],
            "column '{}' has no value in the training rows; data.drop leaves it out", column.name);
    TableField field{.name = column.name,
                     .kind = column.kind,
                     .takes_missing = takes_missing,
                     .one_hot = coding.one_hot};
    if (column.kind == ColumnKind::category)
      fit_category(column, train, coding, field);
    else
      fit_number(column, train, coding, field);
    add(table, {index, std::move(field)});
  }
}

TableEncoder::TableEncoder(const Table& table, std::span<const TableField> fields) {
  for (const TableField& field : fields) {
    const auto found = std::ranges::find(table.columns, field.name, &TableColumn::name);
    if (found == table.columns.end())
      failf(ErrorKind::bad_data, table.sources[0], "has no column '{}', which the run learnt from",
            field.name);
    if (found->kind != field.kind)
      failf(ErrorKind::bad_data, table.sources[0],
            "column '{}' is a {}, the run learnt from a {} of this name", field.name,
            column_kind_name(found->kind), column_kind_name(field.kind));
    add(table, {static_cast<size_t>(found - table.columns.begin()), field});
  }
}

void TableEncoder::add(const Table& table, Coded coded) {
  const TableField& field = coded.field;
  const bool is_category = field.kind == ColumnKind::category;
  if (is_category) coded.slot_of = slots_of(table.columns[coded.column], field);
  if (!is_category || !field.one_hot) {
    features_.push_back(field.name);
  } else {
    for (const std::string& text : field.categories) features_.push_back(field.name + "=" + text);
    if (field.missing_is_category) features_.push_back(field.name + "=missing");
  }
  coded_.push_back(std::move(coded));
}

Tensor TableEncoder::encode(const Table& table, std::span<const int64_t> rows) const {
  const auto width = static_cast<int64_t>(features_.size());
  Tensor result = Tensor::zeros(DType::f64, {static_cast<int64_t>(rows.size()), width});
  double* out = result.data_as<double>();
  for (const int64_t row : rows)
    for (const Coded& coded : coded_) {
      const TableColumn& column = table.columns[coded.column];
      const TableField& field = coded.field;
      check_present(table, coded.column, row, field.takes_missing);
      if (field.kind != ColumnKind::category) {
        const double number = column.numbers[static_cast<size_t>(row)];
        *out = field.scale.apply(column.is_missing(row) ? field.fill : number);
      } else if (const int64_t slot = slot_at(column, coded.slot_of, row); !field.one_hot) {
        *out = field.scale.apply(static_cast<double>(slot));
      } else if (slot >= 0) {
        out[slot] = 1;
      }
      out += field.inputs();
    }
  return result;
}

std::vector<TableField> TableEncoder::fields() const {
  std::vector<TableField> fields;
  for (const Coded& coded : coded_) fields.push_back(coded.field);
  return fields;
}

}  // namespace gradus
