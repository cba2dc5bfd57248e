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

// Turns rows into numbers, by what the training rows said: means for missing cells, scales, and the
// values of each category (a value that training never had is 0 in all its columns).
class TableEncoder {
 public:
  // Throws bad_data naming file and line of a missing cell where the policy refuses them, and for a
  // column without any value in `train`, which is not empty.
  TableEncoder(const Table& table, std::vector<size_t> columns, std::span<const int64_t> train,
               const TableCoding& coding);

  const std::vector<std::string>& features() const { return features_; }
  // The same as what codes other rows later; `table` is the constructor's.
  std::vector<TableField> fields(const Table& table) const;
  // (rows, features) in f64. Throws as the constructor for missing cells.
  Tensor encode(const Table& table, std::span<const int64_t> rows) const;

 private:
  struct Coded {
    size_t column;
    double fill = 0;                    // for a missing number
    ColumnScale scale;                  // of a number or an index
    std::vector<int64_t> slot_of = {};  // of each category, and last of a missing one; -1: no slot
  };

  void add_number(const TableColumn& column, std::span<const int64_t> train, Coded& coded);
  void add_category(const TableColumn& column, std::span<const int64_t> train, Coded& coded);
  void check_present(const Table& table, size_t column, int64_t row) const;

  TableCoding coding_;
  std::vector<Coded> coded_;
  std::vector<std::string> features_;
};

}  // namespace gradus
