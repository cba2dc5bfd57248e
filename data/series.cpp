// SPDX-License-Identifier: Apache-2.0
#include "data/series.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/table.h"
#include "data/table_encoder.h"
#include "data/table_file.h"
#include "engine/base/dispatch.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

// As many values decide on a scale: windows overlap, so that their values are many times the rows.
constexpr int64_t most_scaled_values = int64_t{1} << 20;

struct Channel {
  std::string name;
  std::vector<double> values;  // of all rows
  ColumnScale scale = {};
};

// Windows [first, first + count) of all.
struct Part {
  int64_t first = 0, count = 0;
};

class SeriesDataset : public Dataset {
 public:
  SeriesDataset(const SeriesSource& source, std::vector<Channel> inputs,
                std::vector<Channel> targets, Part part)
      : history_(source.history),
        horizon_(source.horizon),
        relative_(source.relative),
        inputs_(std::move(inputs)),
        targets_(std::move(targets)),
        part_(part) {}

  int64_t size() const override { return part_.count; }
  Shape sample_shape() const override { return {static_cast<int64_t>(inputs_.size()) * history_}; }
  Shape target_shape() const override { return {static_cast<int64_t>(targets_.size()) * horizon_}; }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return 0; }
  // Where values are relative to the last one seen, so are the numbers to come near to.
  std::vector<ColumnScale> target_scales() const override {
    std::vector<ColumnScale> scales;
    for (const Channel& target : targets_)
      scales.insert(scales.end(), static_cast<size_t>(horizon_), target.scale);
    return scales;
  }

  std::vector<std::string> target_names() const override {
    std::vector<std::string> names;
    for (const Channel& target : targets_)
      for (int64_t i = 1; i <= horizon_; ++i) names.push_back(series_target_name(target.name, i));
    return names;
  }
  std::vector<TableField> table_fields() const override {
    std::vector<TableField> fields;
    for (const Channel& input : inputs_)
      fields.push_back({.name = input.name, .scale = input.scale});
    return fields;
  }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    copy(inputs_, indices, first, 0, history_, inputs);
    copy(targets_, indices, first, history_, horizon_, targets);
  }

 private:
  // Rows [begin, begin + count) of each window to the samples from `first` on.
  void copy(const std::vector<Channel>& channels, std::span<const int64_t> indices, int64_t first,
            int64_t begin, int64_t count, Tensor& to) const {
    dispatch_float(to.dtype(), [&](auto wanted) {
      using T = typename decltype(wanted)::type;
      T* out = to.data_as<T>() + first * static_cast<int64_t>(channels.size()) * count;
      for (const int64_t index : indices)
        for (const Channel& channel : channels) {
          const double* window = channel.values.data() + part_.first + index;
          const double base = relative_ ? window[history_ - 1] : 0;
          for (int64_t i = begin; i < begin + count; ++i)
            *out++ = static_cast<T>(channel.scale.apply(window[i] - base));
        }
    });
  }

  int64_t history_, horizon_;
  bool relative_;
  std::vector<Channel> inputs_, targets_;
  Part part_;
};

void check_source(const SeriesSource& source) {
  constexpr int64_t most = int64_t{1} << 30;
  GRADUS_CHECK(source.history >= 1 && source.history <= most,
               "[data.history] expected a positive number of rows, got {}", source.history);
  GRADUS_CHECK(source.horizon >= 1 && source.horizon <= most,
               "[data.horizon] expected a positive number of rows, got {}", source.horizon);
  GRADUS_CHECK(source.validation >= 0 && source.test >= 0 && source.validation + source.test < 1,
               "[data] shares for validation and test, expected at least 0 and together below 1, "
               "got {} and {}",
               source.validation, source.test);
}

Table read_table(const SeriesSource& source) {
  const char delimiter = delimiter_of(source.delimiter, source.path);
  const std::vector<CsvTable> files = {read_csv(source.path, {delimiter, source.header})};
  TableSchema schema = {.numbers = {}, .categories = {}, .dropped = source.dropped};
  if (source.learnt)
    schema = with_kinds(schema, source.learnt->fields, files[0].names(), source.path);
  return make_table(files, schema);
}

// Columns that are not dates; each has a number in every row.
std::vector<size_t> number_columns(const Table& table) {
  std::vector<size_t> columns;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const TableColumn& column = table.columns[c];
    if (column.kind == ColumnKind::date) continue;
    if (column.kind == ColumnKind::category)
      failf(ErrorKind::bad_data, table.sources[0],
            "column '{}' is text, expected numbers; data.drop leaves it out", column.name);
    for (int64_t row = 0; row < table.rows(); ++row)
      if (column.is_missing(row))
        failf(ErrorKind::bad_data, table.place(row),
              "'{}' is missing, expected a number in each row of a series", column.name);
    columns.push_back(c);
  }
  if (columns.empty())
    failf(ErrorKind::bad_data, table.sources[0], "expected at least one column of numbers");
  return columns;
}

std::vector<size_t> target_columns(const Table& table, const SeriesSource& source,
                                   const std::vector<size_t>& numbers) {
  if (source.targets.empty()) return {numbers.back()};
  std::vector<size_t> columns;
  for (const std::string& name : source.targets) {
    columns.push_back(find_column(table, name));
    GRADUS_CHECK(std::ranges::count(numbers, columns.back()) == 1,
                 "[data.target] '{}' holds dates, expected numbers", name);
  }
  return columns;
}

// Parts of the windows in time. A window's targets may not stand in the part before: where the
// horizon is longer than a row, the first windows of a later part are left out.
struct Walk {
  Part train, validation, test;
};

Walk walk_forward(const SeriesSource& source, const std::string& name, int64_t rows) {
  const int64_t windows = rows - source.history - source.horizon + 1;
  if (windows < 1)
    failf(ErrorKind::bad_data, name,
          "the series is too short: expected at least data.history + data.horizon = {} rows, got "
          "{}",
          source.history + source.horizon, rows);
  const int64_t test = std::llround(source.test * static_cast<double>(windows));
  const int64_t validation = std::llround(source.validation * static_cast<double>(windows));
  const int64_t overlap = source.horizon - 1;
  const int64_t before_test = windows - test, before_validation = before_test - validation;
  Walk walk{.train = {0, before_validation},
            .validation = {before_validation + overlap, validation - overlap},
            .test = {before_test + overlap, test - overlap}};
  for (const auto& [part, wanted, key] : {std::tuple{walk.train, true, "training"},
                                          {walk.validation, validation > 0, "validation"},
                                          {walk.test, test > 0, "test"}})
    if (wanted && part.count < 1)
      failf(ErrorKind::bad_data, name, "no window of the series is left for the {} part", key);
  return walk;
}

// The scale of rows [begin, end) of the training windows.
ColumnScale scale_of(const SeriesSource& source, const std::vector<double>& values, int64_t windows,
                     int64_t begin, int64_t end, Scaling scaling) {
  if (!source.relative)
    return fit_scale(std::span(values).first(static_cast<size_t>(windows + end - 1)), scaling);
  const int64_t stride = 1 + windows * (end - begin) / most_scaled_values;
  std::vector<double> seen;
  for (int64_t w = 0; w < windows; w += stride)
    for (int64_t i = begin; i < end; ++i)
      seen.push_back(values[static_cast<size_t>(w + i)] -
                     values[static_cast<size_t>(w + source.history - 1)]);
  return fit_scale(seen, scaling);
}

// As a model learnt them: its input columns alone, in its order.
void take_learnt(const SeriesSource& source, std::vector<Channel>& inputs,
                 std::vector<Channel>& targets) {
  const LearntCoding& learnt = *source.learnt;
  const auto horizon = static_cast<size_t>(source.horizon);
  if (learnt.target_scales.size() != targets.size() * horizon)
    failf(ErrorKind::bad_data, source.path, "targets, expected the run's {}, got {}",
          learnt.target_scales.size(), targets.size() * horizon);
  for (size_t k = 0; k < targets.size(); ++k) targets[k].scale = learnt.target_scales[k * horizon];
  std::vector<Channel> all = std::exchange(inputs, {});
  for (const TableField& field : learnt.fields) {
    const auto found = std::ranges::find(all, field.name, &Channel::name);
    if (found == all.end())
      failf(ErrorKind::bad_data, source.path,
            "has no column of numbers '{}', which the run learnt from", field.name);
    inputs.push_back({field.name, found->values, field.scale});
  }
}

std::vector<Channel> channels_of(const Table& table, const std::vector<size_t>& columns) {
  std::vector<Channel> channels;
  for (const size_t column : columns)
    channels.push_back({table.columns[column].name, table.columns[column].numbers});
  return channels;
}

}  // namespace

std::string series_target_name(const std::string& column, int64_t rows) {
  return fmt::format("{}+{}", column, rows);
}

std::unique_ptr<Dataset> load_series(const SeriesSource& source, Split split) {
  check_source(source);
  const Table table = read_table(source);
  const std::vector<size_t> numbers = number_columns(table);
  std::vector<Channel> inputs = channels_of(table, numbers);
  std::vector<Channel> targets = channels_of(table, target_columns(table, source, numbers));
  const Walk walk = walk_forward(source, table.sources[0], table.rows());
  const int64_t windows = walk.train.count, end = source.history + source.horizon;
  if (source.learnt && !source.learnt->fields.empty()) {
    take_learnt(source, inputs, targets);
  } else {
    for (Channel& channel : inputs)
      channel.scale = scale_of(source, channel.values, windows, 0, source.history, source.scaling);
    for (Channel& channel : targets)
      channel.scale =
          scale_of(source, channel.values, windows, source.history, end, source.target_scaling);
  }
  if (split == Split::validation && walk.validation.count < 1) return nullptr;
  const Part part = split == Split::train                         ? walk.train
                    : split == Split::test && walk.test.count > 0 ? walk.test
                                                                  : walk.validation;
  GRADUS_CHECK(part.count > 0, "[{}] there is no test part: data.test is its share", source.path);
  return std::make_unique<SeriesDataset>(source, std::move(inputs), std::move(targets), part);
}

}  // namespace gradus
