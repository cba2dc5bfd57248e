// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <span>

#include "data/csv.h"

namespace gradus {

// number: a finite decimal. date: YYYY-MM-DD, possibly followed by ' ' or 'T' and HH:MM or
// HH:MM:SS; its value is in days since 1970-01-01. category: any other text.
enum class ColumnKind { number, date, category };
std::string_view column_kind_name(ColumnKind kind);

inline constexpr double missing_number = std::numeric_limits<double>::quiet_NaN();
inline constexpr int32_t missing_code = -1;

struct TableColumn {
  std::string name;
  ColumnKind kind = ColumnKind::number;
  std::vector<double> numbers = {};          // of a number or date; missing_number
  std::vector<int32_t> codes = {};           // of a category: which of `categories`; missing_code
  std::vector<std::string> categories = {};  // sorted: by value where all are whole numbers

  bool is_missing(int64_t row) const;
};

// Columns of typed cells, from one file or from several with the same columns.
struct Table {
  std::vector<TableColumn> columns;
  std::vector<std::string> sources;  // the files
  std::vector<int64_t> first_row;    // of each file
  std::vector<int64_t> lines;        // of each row in its file

  int64_t rows() const { return static_cast<int64_t>(lines.size()); }
  std::string place(int64_t row) const;  // "FILE:LINE"
};

// Which columns have which kind, by name; a column that is not named is a number or date where all
// its cells are, else a category.
struct TableSchema {
  std::vector<std::string> numbers;
  std::vector<std::string> categories;
  std::vector<std::string> dropped;  // left out
};

// Cells that stand for nothing: empty, "NA", "N/A", "NaN", "null", "none" and "?", in any case.
bool is_missing_cell(std::string_view cell);

// The value of a cell of a number or date. False where it is none, or not finite.
bool read_cell(ColumnKind kind, std::string_view cell, double& value);
// Without the spaces around it, as cells are read.
std::string_view trimmed_cell(std::string_view cell);

// Throws bad_data naming file, line and column for a cell that is not of its declared kind or is
// infinite, and for files whose columns differ; invalid_argument for a name that no column has.
Table make_table(std::span<const CsvTable> files, const TableSchema& schema = {});

// The rows `rows` of a table, which rise. Categories stay, those that no row has any more too.
Table keep_rows(const Table& table, std::span<const int64_t> rows);

// The index of the column `name`. Throws invalid_argument with the nearest name.
size_t find_column(const Table& table, std::string_view name);

}  // namespace gradus
