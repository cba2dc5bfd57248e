// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/column_scale.h"
#include "data/table_field.h"
#include "engine/tensor/tensor.h"

namespace gradus {

// What stands for a missing cell. error: nothing, the row is named. mean, median, zero: this of
// the column's training values (a category that is missing becomes one of its own). drop: the row
// is left out (by the caller, see complete_rows).
enum class MissingPolicy { error, mean, median, zero, drop };
std::optional<MissingPolicy> parse_missing_policy(std::string_view name);

struct TableCoding {
  Scaling scaling = Scaling::standard;
  double low = 0, high = 1;  // of minmax
  MissingPolicy missing = MissingPolicy::error;
  bool one_hot = true;  // a category is a column of 0 or 1 for each of its values, else their index
};

// Rows of a table that have every one of `columns`.
std::vector<int64_t> complete_rows(const Table& table, std::span<const size_t> columns);

// How a table must be read to be coded as `fields` say: what was a number stays one, and what was
// text. Throws bad_data beginning with `source` where one of them is none of `columns`.
TableSchema with_kinds(TableSchema schema, std::span<const TableField> fields,
                       const std::vector<std::string>& columns, const std::string& source);

// Turns rows into numbers, by what the training rows said: means for missing cells, scales, and the
// values of each category (a value that training never had is 0 in all its columns).
class TableEncoder {
 public:
  // Throws bad_data naming file and line of a missing cell where the policy refuses them, and for a
  // column without any value in `train`, which is not empty.
  TableEncoder(const Table& table, const std::vector<size_t>& columns,
               std::span<const int64_t> train, const TableCoding& coding);
  // As another encoder's fields() say, whose table had these columns. Throws bad_data for a column
  // that is absent or of another kind.
  TableEncoder(const Table& table, std::span<const TableField> fields);

  const std::vector<std::string>& features() const { return features_; }
  // What codes other rows in the same way.
  std::vector<TableField> fields() const;
  // (rows, features) in f64; `table` is the constructor's. Throws as it for missing cells.
  Tensor encode(const Table& table, std::span<const int64_t> rows) const;

 private:
  struct Coded {
    size_t column;  // of the table
    TableField field;
    // Of each category of the column, and last of a missing one, its place in the field; -1: none.
    std::vector<int64_t> slot_of = {};
  };

  void add(const Table& table, Coded coded);

  std::vector<Coded> coded_;
  std::vector<std::string> features_;
};

}  // namespace gradus
