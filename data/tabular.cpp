// SPDX-License-Identifier: Apache-2.0
#include "data/tabular.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <set>

#include "data/csv.h"
#include "data/file_bytes.h"
#include "data/table_file.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Paths of the files, in the order train, validation, test; the last two may be empty.
struct TableFiles {
  std::string paths[3];
};

TableFiles find_files(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return {{find_packed(path), "", ""}};
  TableFiles files;
  for (const auto& [at, part] : {std::pair{0, "train"}, {1, "val"}, {2, "test"}})
    files.paths[at] = find_table(path, part);
  if (files.paths[0].empty()) files.paths[0] = path + "/train.csv";  // says that it is not there
  return files;
}

struct LoadedTable {
  Table table;
  std::vector<int64_t> rows[3];  // that train, validation and test files gave
};

LoadedTable read_files(const TabularSource& source) {
  const TableFiles files = find_files(source.path);
  std::vector<CsvTable> parsed;
  std::vector<int> part_of;
  for (int part = 0; part < 3; ++part) {
    const std::string& path = files.paths[part];
    if (path.empty()) continue;
    parsed.push_back(read_csv(path, {delimiter_of(source.delimiter, path), source.header}));
    part_of.push_back(part);
  }
  TableSchema schema = source.schema;
  if (source.learnt)
    schema = with_kinds(schema, source.learnt->fields, parsed[0].names(), parsed[0].source());
  LoadedTable loaded{make_table(parsed, schema), {}};
  int64_t row = 0;
  for (size_t i = 0; i < parsed.size(); ++i)
    for (int64_t n = 0; n < parsed[i].rows(); ++n) loaded.rows[part_of[i]].push_back(row++);
  return loaded;
}

// Which columns are predicted, and from which.
struct Roles {
  std::vector<size_t> inputs, targets;
};

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const TableColumn& column : table.columns) names.push_back(column.name);
  return names;
}

Roles roles_of(const Table& table, const TabularSource& source) {
  Roles roles;
  for (const std::string& name : source.targets) roles.targets.push_back(find_column(table, name));
  const bool learns = source.task != Task::reconstruction;
  if (learns && roles.targets.empty() && !table.columns.empty())
    roles.targets.push_back(table.columns.size() - 1);
  for (size_t i = 0; i < table.columns.size(); ++i)
    if (!std::ranges::count(roles.targets, i) &&
        (!source.learnt || source.learnt->takes(table.columns[i].name)))
      roles.inputs.push_back(i);
  if (!learns) {
    GRADUS_CHECK(!roles.inputs.empty(), "[{}] expected a column beside data.target",
                 table.sources[0]);
    roles.targets.clear();
  } else if (roles.inputs.empty() || roles.targets.empty())
    failf(ErrorKind::bad_data, table.sources[0],
          "expected at least one column beside what is predicted, got {} columns{}",
          table.columns.size(), delimiter_hint(names_of(table)));
  return roles;
}

// The classes of a target, each the index of its value among all values in order.
struct Classes {
  std::vector<std::string> names;
  std::vector<int64_t> of_row;  // -1: missing
};

Classes classes_of(const TableColumn& column) {
  if (column.kind == ColumnKind::category)
    return {column.categories, {column.codes.begin(), column.codes.end()}};
  std::set<double> values;
  for (const double value : column.numbers)
    if (!std::isnan(value)) values.insert(value);
  const std::vector<double> sorted(values.begin(), values.end());
  Classes classes;
  for (const double value : sorted) classes.names.push_back(fmt::format("{}", value));
  for (const double value : column.numbers)
    classes.of_row.push_back(
        std::isnan(value) ? -1 : std::ranges::lower_bound(sorted, value) - sorted.begin());
  return classes;
}

bool are_labels(const TableColumn& column) {
  return column.kind == ColumnKind::number && std::ranges::all_of(column.numbers, [](double value) {
           return std::isnan(value) || value == 0 || value == 1;
         });
}

bool has_few_whole_numbers(const TableColumn& column) {
  std::set<double> values;
  for (const double value : column.numbers) {
    if (std::isnan(value)) continue;
    if (value != std::floor(value)) return false;
    values.insert(value);
    if (static_cast<int64_t>(values.size()) > most_number_classes) return false;
  }
  return true;
}

// What a model has learnt of the targets.
Task learnt_task(const Table& table, const Roles& roles, const LearntCoding& learnt) {
  const size_t outputs = learnt.class_names.empty() ? learnt.target_scales.size() : 1;
  if (roles.targets.size() != outputs)
    failf(ErrorKind::bad_data, table.sources[0], "targets, expected the run's {}, got {}", outputs,
          roles.targets.size());
  if (!learnt.class_names.empty()) return Task::classification;
  return learnt.labels ? Task::multilabel : Task::regression;
}

// What is to be learnt of the targets; never automatic.
Task task_of(const Table& table, const Roles& roles, const TabularSource& source) {
  const Task task = source.task;
  if (task == Task::reconstruction) return task;
  if (source.learnt) return learnt_task(table, roles, *source.learnt);
  const auto one_target = [&] {
    GRADUS_CHECK(roles.targets.size() == 1,
                 "[data.target] one class needs one target, got {}; data.task=multilabel takes "
                 "several of 0 and 1, data.task=regression several numbers",
                 roles.targets.size());
    return task;
  };
  if (task == Task::classification || task == Task::binary) return one_target();
  if (task != Task::automatic) return task;
  const TableColumn& column = table.columns[roles.targets[0]];
  if (roles.targets.size() > 1) {
    const bool labels = std::ranges::all_of(
        roles.targets, [&](size_t target) { return are_labels(table.columns[target]); });
    return labels ? Task::multilabel : Task::regression;
  }
  if (column.kind == ColumnKind::category) return Task::classification;
  if (column.kind == ColumnKind::date) return Task::regression;
  return has_few_whole_numbers(column) ? Task::classification : Task::regression;
}

void check_classes(const Classes& classes, const TableColumn& target, Task task,
                   const Table& table) {
  const size_t count = classes.names.size();
  if (task == Task::binary && count != 2)
    failf(ErrorKind::bad_data, table.sources[0],
          "the target '{}' has {} different values, expected 2 for data.task=binary{}", target.name,
          count, count > 2 ? "; data.task=classification takes more" : "");
  if (count < 2)
    failf(ErrorKind::bad_data, table.sources[0],
          "the target '{}' has {} different values, expected at least 2 classes", target.name,
          count);
}

// Leaves out rows with holes where that is the policy, and refuses a hole in a target.
void settle_missing(LoadedTable& loaded, const Roles& roles, MissingPolicy policy) {
  std::vector<size_t> used = roles.inputs;
  used.insert(used.end(), roles.targets.begin(), roles.targets.end());
  if (policy == MissingPolicy::drop) {
    const std::vector<int64_t> whole = complete_rows(loaded.table, used);
    for (std::vector<int64_t>& rows : loaded.rows)
      std::erase_if(rows, [&](int64_t row) { return !std::ranges::binary_search(whole, row); });
  }
  for (const std::vector<int64_t>& rows : loaded.rows)
    for (const int64_t row : rows)
      for (const size_t target : roles.targets)
        if (loaded.table.columns[target].is_missing(row))
          failf(ErrorKind::bad_data, loaded.table.place(row),
                "the target '{}' is missing; data.missing = 'drop' leaves such rows out",
                loaded.table.columns[target].name);
  if (loaded.rows[0].empty())
    failf(ErrorKind::bad_data, loaded.table.sources[0], "no row is left for training");
}

SplitParts split_rows(const LoadedTable& loaded, const SplitPlan& plan,
                      std::span<const int64_t> classes) {
  const bool own_validation = !loaded.rows[1].empty(), own_test = !loaded.rows[2].empty();
  GRADUS_CHECK(!own_validation || (plan.validation == 0 && plan.folds == 0),
               "[data.validation] the folder has a validation file, expected no share or folds");
  GRADUS_CHECK(!own_test || plan.test == 0,
               "[data.test] the folder has a test file, expected no share");
  std::vector<int64_t> labels;
  for (const int64_t row : loaded.rows[0])
    if (!classes.empty()) labels.push_back(classes[static_cast<size_t>(row)]);
  SplitParts parts = split_samples(static_cast<int64_t>(loaded.rows[0].size()), labels, plan);
  for (std::vector<int64_t>* part : {&parts.train, &parts.validation, &parts.test})
    for (int64_t& index : *part) index = loaded.rows[0][static_cast<size_t>(index)];
  if (own_validation) parts.validation = loaded.rows[1];
  if (own_test) parts.test = loaded.rows[2];
  return parts;
}

std::unique_ptr<Dataset> make_values(const TabularSource& source, const Table& table,
                                     const Roles& roles, const SplitParts& parts,
                                     std::span<const int64_t> rows, Tensor inputs, bool labels) {
  const auto outputs = static_cast<int64_t>(roles.targets.size());
  Tensor targets(DType::f64, {static_cast<int64_t>(rows.size()), outputs});
  std::vector<ColumnScale> scales;
  for (int64_t k = 0; k < outputs; ++k) {
    const TableColumn& column = table.columns[roles.targets[static_cast<size_t>(k)]];
    if (column.kind == ColumnKind::category)
      failf(ErrorKind::bad_data, table.sources[0], "column '{}' is text, expected {}", column.name,
            labels ? "0 or 1 for data.task=multilabel"
                   : "numbers for regression; data.task=classification takes it");
    std::vector<double> training;
    for (const int64_t row : parts.train)
      training.push_back(column.numbers[static_cast<size_t>(row)]);
    scales.push_back(labels          ? ColumnScale{}
                     : source.learnt ? source.learnt->target_scales[static_cast<size_t>(k)]
                                     : fit_scale(training, source.target_scaling));
    for (size_t i = 0; i < rows.size(); ++i)
      targets.data_as<double>()[static_cast<int64_t>(i) * outputs + k] =
          column.numbers[static_cast<size_t>(rows[i])];
  }
  return make_value_dataset(table.sources[0], std::move(inputs), targets, {}, std::move(scales),
                            labels);
}

// Coded rows that remember how they were coded.
class TableDataset : public Dataset {
 public:
  TableDataset(std::unique_ptr<Dataset> rows, std::vector<TableField> fields,
               std::vector<std::string> target_names)
      : rows_(std::move(rows)),
        fields_(std::move(fields)),
        target_names_(std::move(target_names)) {}

  int64_t size() const override { return rows_->size(); }
  Shape sample_shape() const override { return rows_->sample_shape(); }
  Shape target_shape() const override { return rows_->target_shape(); }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return rows_->classes(); }
  bool targets_are_labels() const override { return rows_->targets_are_labels(); }
  std::span<const int64_t> labels() const override { return rows_->labels(); }
  std::vector<std::string> class_names() const override { return rows_->class_names(); }
  std::vector<ColumnScale> target_scales() const override { return rows_->target_scales(); }
  std::vector<std::string> target_names() const override { return target_names_; }
  std::vector<TableField> table_fields() const override { return fields_; }
  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    rows_->fill(indices, first, inputs, targets);
  }

 private:
  std::unique_ptr<Dataset> rows_;
  std::vector<TableField> fields_;
  std::vector<std::string> target_names_;
};

std::vector<std::string> target_names(const Table& table, const Roles& roles) {
  std::vector<std::string> names;
  for (const size_t target : roles.targets) names.push_back(table.columns[target].name);
  return names;
}

}  // namespace

std::unique_ptr<Dataset> load_table(const TabularSource& source, Split split) {
  LoadedTable loaded = read_files(source);
  const Table& table = loaded.table;
  const Roles roles = roles_of(table, source);
  const Task task = task_of(table, roles, source);
  const bool classify = task == Task::classification || task == Task::binary;
  settle_missing(loaded, roles, source.coding.missing);
  const Classes classes = classify ? classes_of(table.columns[roles.targets[0]]) : Classes{};
  if (classify && !source.learnt)
    check_classes(classes, table.columns[roles.targets[0]], task, table);
  const SplitParts parts = split_rows(loaded, source.split, classes.of_row);
  const bool known = source.learnt && !source.learnt->fields.empty();
  const TableEncoder encoder = known
                                   ? TableEncoder(table, source.learnt->fields)
                                   : TableEncoder(table, roles.inputs, parts.train, source.coding);
  const std::vector<int64_t>& rows = split == Split::train ? parts.train
                                     : split == Split::test && !parts.test.empty()
                                         ? parts.test
                                         : parts.validation;
  if (rows.empty() && split == Split::validation) return nullptr;
  GRADUS_CHECK(!rows.empty(), "[{}] there is no test part: data.test is its share", source.path);
  Tensor inputs = encoder.encode(table, rows);
  const auto described = [&](std::unique_ptr<Dataset> data) {
    return std::make_unique<TableDataset>(std::move(data), encoder.fields(),
                                          target_names(table, roles));
  };
  if (task == Task::reconstruction)
    return described(make_labelled_dataset(
        {table.sources[0], table.sources[0]}, std::move(inputs),
        Tensor::zeros(DType::i64, {static_cast<int64_t>(rows.size())}), 2, {}));
  if (!classify)
    return described(make_values(source, table, roles, parts, rows, std::move(inputs),
                                 task == Task::multilabel));
  std::vector<int64_t> labels;
  for (const int64_t row : rows) labels.push_back(classes.of_row[static_cast<size_t>(row)]);
  return described(make_labelled_dataset(
      {table.sources[0], table.sources[0]}, std::move(inputs),
      Tensor::from<int64_t>(DType::i64, {static_cast<int64_t>(rows.size())}, labels),
      static_cast<int64_t>(classes.names.size()), {}, classes.names));
}

}  // namespace gradus
