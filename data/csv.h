// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// A row that is left out.
struct CsvFault {
  int64_t line = 0;
  std::string message;
};

struct CsvOptions {
  char delimiter = ',';
  bool header = true;  // the first line names the columns; else they are "1", "2", ...
  // No rows are legal: with a header its line alone, without one a blank text, of no columns.
  bool may_be_empty = false;
  // Where this is given, rows of another length than the first are left out and named here.
  std::vector<CsvFault>* odd_rows = nullptr;
};

// What to add to a complaint about the columns `names` of a table where they are one that looks
// like several: "; ..." with the delimiter that data.delimiter could be. Else empty.
std::string delimiter_hint(std::span<const std::string> names);

// The cells of a delimited text, unquoted. Rows and columns count from 0, lines from 1.
class CsvTable {
 public:
  const std::string& source() const { return source_; }
  const std::vector<std::string>& names() const { return names_; }
  int64_t rows() const { return static_cast<int64_t>(lines_.size()); }
  int64_t columns() const { return static_cast<int64_t>(names_.size()); }
  // Valid as long as the table.
  std::string_view cell(int64_t row, int64_t column) const {
    const Cell& found = cells_[static_cast<size_t>(row * columns() + column)];
    return std::string_view(text_).substr(found.begin, found.length);
  }
  // The line on which a row begins.
  int64_t line(int64_t row) const { return lines_[static_cast<size_t>(row)]; }

 private:
  friend class CsvParser;
  friend CsvTable parse_csv(std::string, const std::string&, const CsvOptions&);
  struct Cell {
    size_t begin, length;
  };

  std::string source_, text_;
  std::vector<std::string> names_;
  std::vector<Cell> cells_;
  std::vector<int64_t> lines_;
};

// Parses RFC 4180: lines end in LF or CRLF; a cell that begins with a double quote ends with one,
// may hold delimiters, line breaks and doubled quotes. Blank lines and a UTF-8 byte order mark are
// skipped. Throws bad_data beginning `[SOURCE:LINE]` for text that is not UTF-8 or holds a zero
// byte, a quote out of place or never closed, rows of unequal length, a name that stands twice, and
// an empty table (but see may_be_empty).
CsvTable parse_csv(std::string text, const std::string& source, const CsvOptions& options = {});

// The same from a file, possibly packed by gzip. Throws as read_bytes too.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});

}  // namespace gradus
