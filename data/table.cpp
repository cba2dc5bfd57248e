// SPDX-License-Identifier: Apache-2.0
#include "data/table.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

enum class Parsed { yes, no, infinite };

Parsed parse_number(std::string_view text, double& number) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (stop != end || text.empty() || error == std::errc::invalid_argument) return Parsed::no;
  return error == std::errc::result_out_of_range || !std::isfinite(number) ? Parsed::infinite
                                                                           : Parsed::yes;
}

// `digits` digits of `text` from `begin`, at most `most`.
bool parse_field(std::string_view text, size_t begin, size_t digits, int least, int most,
                 int& value) {
  if (text.size() < begin + digits) return false;
  const std::string_view field = text.substr(begin, digits);
  if (!std::ranges::all_of(field, [](char c) { return c >= '0' && c <= '9'; })) return false;
  std::from_chars(field.data(), field.data() + field.size(), value);
  return value >= least && value <= most;
}

// Days from 1970-01-01 to a day of the Gregorian calendar: years begin in March, so that the leap
// day is the last of its year, and 400 of them have 146,097 days.
int64_t days_of(int year, int month, int day) {
  const int64_t y = year - (month <= 2 ? 1 : 0);
  const int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

int days_in(int year, int month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

Parsed parse_date(std::string_view text, double& days) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (text.size() < 10 || text[4] != '-' || text[7] != '-' ||
      !parse_field(text, 0, 4, 1, 9999, year) || !parse_field(text, 5, 2, 1, 12, month) ||
      !parse_field(text, 8, 2, 1, days_in(year, month), day))
    return Parsed::no;
  if (text.size() > 10) {
    const bool seconds = text.size() == 19;
    if ((text.size() != 16 && !seconds) || (text[10] != ' ' && text[10] != 'T') ||
        text[13] != ':' || (seconds && text[16] != ':') || !parse_field(text, 11, 2, 0, 23, hour) ||
        !parse_field(text, 14, 2, 0, 59, minute) ||
        (seconds && !parse_field(text, 17, 2, 0, 59, second)))
      return Parsed::no;
  }
  days = static_cast<double>(days_of(year, month, day)) +
         (hour * 3600 + minute * 60 + second) / 86400.0;
  return Parsed::yes;
}

// The cells of one column over all files.
class CellReader {
 public:
  CellReader(std::span<const CsvTable> files, int64_t column) : files_(files), column_(column) {}

  template <class Visit>
  void each(Visit&& visit) const {
    int64_t row = 0;
    for (const CsvTable& file : files_)
      for (int64_t i = 0; i < file.rows(); ++i) visit(row++, trimmed_cell(file.cell(i, column_)));
  }

  // Fills `numbers` where every cell is missing or parses.
  bool parse(Parsed (*parse_cell)(std::string_view, double&), std::vector<double>& numbers) const {
    numbers.clear();
    bool good = true, any = false;
    each([&](int64_t, std::string_view cell) {
      double number = missing_number;
      const bool present = good && !is_missing_cell(cell);
      if (present) good = parse_cell(cell, number) != Parsed::no;
      any = any || present;
      numbers.push_back(number);
    });
    return good && any;
  }

 private:
  std::span<const CsvTable> files_;
  int64_t column_;
};

[[noreturn]] void refuse_cell(const Table& table, int64_t row, const std::string& column,
                              std::string_view expected, std::string_view cell) {
  failf(ErrorKind::bad_data, table.place(row), "column '{}', expected {}, got '{}'", column,
        expected, cell.substr(0, 60));
}

// Throws at the first cell that is no finite number.
void check_numbers(const Table& table, const CellReader& cells, const TableColumn& column) {
  if (column.kind != ColumnKind::number) return;
  cells.each([&](int64_t row, std::string_view cell) {
    double number = 0;
    if (!is_missing_cell(cell) && parse_number(cell, number) != Parsed::yes)
      refuse_cell(table, row, column.name, "a finite number", cell);
  });
}

bool all_whole(const std::map<std::string_view, int32_t>& seen) {
  return std::ranges::all_of(seen, [](const auto& entry) {
    int64_t whole = 0;
    const std::string_view text = entry.first;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
    return error == std::errc() && end == text.data() + text.size();
  });
}

void fill_categories(const CellReader& cells, TableColumn& column) {
  std::map<std::string_view, int32_t> seen;
  cells.each([&](int64_t, std::string_view cell) {
    if (!is_missing_cell(cell)) seen[cell] = 0;
  });
  for (const auto& [text, code] : seen) column.categories.emplace_back(text);
  if (all_whole(seen))
    std::ranges::stable_sort(column.categories, {}, [](const std::string& text) {
      int64_t whole = 0;
      std::from_chars(text.data(), text.data() + text.size(), whole);
      return whole;
    });
  for (size_t i = 0; i < column.categories.size(); ++i)
    seen[column.categories[i]] = static_cast<int32_t>(i);
  cells.each([&](int64_t, std::string_view cell) {
    column.codes.push_back(is_missing_cell(cell) ? missing_code : seen[cell]);
  });
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

size_t find_name(const std::vector<std::string>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  failf(ErrorKind::invalid_argument, "", "[data] no column '{}'; there are: {}", name,
        fmt::join(names, ", "));
}

void check_same_columns(std::span<const CsvTable> files) {
  for (const CsvTable& file : files)
    if (file.names() != files[0].names())
      failf(ErrorKind::bad_data, file.source(), "columns, expected those of {} ({}), got {}",
            files[0].source(), fmt::join(files[0].names(), ", "), fmt::join(file.names(), ", "));
}

TableColumn make_column(const Table& table, std::span<const CsvTable> files, size_t index,
                        const TableSchema& schema) {
  const CellReader cells(files, static_cast<int64_t>(index));
  TableColumn column{.name = files[0].names()[index]};
  const bool as_number = contains(schema.numbers, column.name);
  const bool as_category = contains(schema.categories, column.name);
  if (!as_category && cells.parse(parse_number, column.numbers)) {
    check_numbers(table, cells, column);
  } else if (as_number) {
    check_numbers(table, cells, column);  // throws, or the column has no value at all
  } else if (!as_category && cells.parse(parse_date, column.numbers)) {
    column.kind = ColumnKind::date;
  } else {
    column.kind = ColumnKind::category;
    column.numbers.clear();
    fill_categories(cells, column);
  }
  return column;
}

}  // namespace

bool read_cell(ColumnKind kind, std::string_view cell, double& value) {
  return (kind == ColumnKind::date ? parse_date : parse_number)(cell, value) == Parsed::yes;
}

std::string_view trimmed_cell(std::string_view cell) {
  while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
  while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
  return cell;
}

std::string_view column_kind_name(ColumnKind kind) {
  return kind == ColumnKind::number ? "number" : kind == ColumnKind::date ? "date" : "category";
}

bool TableColumn::is_missing(int64_t row) const {
  const auto at = static_cast<size_t>(row);
  return kind == ColumnKind::category ? codes[at] == missing_code : std::isnan(numbers[at]);
}

std::string Table::place(int64_t row) const {
  const auto after = std::ranges::upper_bound(first_row, row);
  return fmt::format("{}:{}", sources[static_cast<size_t>(after - first_row.begin()) - 1],
                     lines[static_cast<size_t>(row)]);
}

bool is_missing_cell(std::string_view cell) {
  if (cell.empty() || cell == "?") return true;
  if (cell.size() > 4) return false;
  std::string lower(cell);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "na" || lower == "n/a" || lower == "nan" || lower == "null" || lower == "none";
}

Table make_table(std::span<const CsvTable> files, const TableSchema& schema) {
  GRADUS_CHECK(!files.empty(), "[data] a table without files");
  check_same_columns(files);
  for (const auto* names : {&schema.numbers, &schema.categories, &schema.dropped})
    for (const std::string& name : *names) find_name(files[0].names(), name);
  Table table;
  for (const CsvTable& file : files) {
    table.sources.push_back(file.source());
    table.first_row.push_back(table.rows());
    for (int64_t row = 0; row < file.rows(); ++row) table.lines.push_back(file.line(row));
  }
  for (size_t i = 0; i < files[0].names().size(); ++i)
    if (!contains(schema.dropped, files[0].names()[i]))
      table.columns.push_back(make_column(table, files, i, schema));
  return table;
}

Table keep_rows(const Table& table, std::span<const int64_t> rows) {
  Table kept{.columns = {}, .sources = table.sources, .first_row = {}, .lines = {}};
  for (const int64_t first : table.first_row)
    kept.first_row.push_back(std::ranges::lower_bound(rows, first) - rows.begin());
  for (const int64_t row : rows) kept.lines.push_back(table.lines[static_cast<size_t>(row)]);
  for (const TableColumn& column : table.columns) {
    TableColumn& to = kept.columns.emplace_back(
        TableColumn{.name = column.name, .kind = column.kind, .categories = column.categories});
    for (const int64_t row : rows)
      if (column.kind == ColumnKind::category)
        to.codes.push_back(column.codes[static_cast<size_t>(row)]);
      else
        to.numbers.push_back(column.numbers[static_cast<size_t>(row)]);
  }
  return kept;
}

size_t find_column(const Table& table, std::string_view name) {
  std::vector<std::string> names;
  for (const TableColumn& column : table.columns) names.push_back(column.name);
  return find_name(names, name);
}

}  // namespace gradus
