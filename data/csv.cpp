// SPDX-License-Identifier: Apache-2.0
#include "data/csv.h"

#include <algorithm>
#include <set>
#include <utility>

#include "data/file_bytes.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {

// Cells are unquoted where they stand: what is written never overtakes what is read.
class CsvParser {
 public:
  CsvParser(CsvTable& table, const CsvOptions& options)
      : table_(table), text_(table.text_), options_(options), delimiter_(options.delimiter) {}

  void run() {
    const bool header = options_.header;
    if (text_.starts_with("\xEF\xBB\xBF")) read_ = 3;
    while (read_ < text_.size()) {
      if (at_line_end()) {
        take_line_end();
        continue;
      }
      read_row();
      if (table_.names_.empty()) begin_table(header);
    }
    const bool known = !table_.names_.empty() || !header;  // of an empty table, its columns
    const bool odd = options_.odd_rows != nullptr && !options_.odd_rows->empty();
    if (table_.rows() == 0 && !(options_.may_be_empty && known) && !odd)
      failf(ErrorKind::bad_data, table_.source_, "the table has no rows");
  }

 private:
  [[noreturn]] void refuse(int64_t line, const std::string& message) const {
    fail(ErrorKind::bad_data, fmt::format("{}:{}", table_.source_, line), message);
  }

  bool at_line_end() const {
    return text_[read_] == '\n' ||
           (text_[read_] == '\r' && read_ + 1 < text_.size() && text_[read_ + 1] == '\n');
  }
  void take_line_end() {
    read_ += text_[read_] == '\r' ? 2 : 1;
    ++line_;
  }

  void read_row() {
    const size_t first = table_.cells_.size();
    const int64_t line = line_;
    for (;; ++read_) {
      const bool quoted = read_ < text_.size() && text_[read_] == '"';
      table_.cells_.push_back(quoted ? quoted_cell() : plain_cell());
      if (read_ == text_.size() || text_[read_] != delimiter_) break;
    }
    if (read_ < text_.size()) take_line_end();
    const size_t got = table_.cells_.size() - first;
    if (!table_.names_.empty() && got != table_.names_.size())
      return take_odd_row(line, first, got);
    table_.lines_.push_back(line);
  }

  void take_odd_row(int64_t line, size_t first, size_t got) {
    const std::string message =
        fmt::format("expected {} cells, as on the first line, got {}{}", table_.names_.size(), got,
                    delimiter_hint(table_.names_));
    if (options_.odd_rows == nullptr) refuse(line, message);
    options_.odd_rows->push_back({line, fmt::format("[{}:{}] {}", table_.source_, line, message)});
    table_.cells_.resize(first);
  }

  CsvTable::Cell plain_cell() {
    const size_t begin = read_;
    while (read_ < text_.size() && text_[read_] != delimiter_ && !at_line_end()) {
      if (text_[read_] == '"')
        refuse(line_, "a quote inside of a cell that does not begin with one");
      ++read_;
    }
    return {begin, read_ - begin};
  }

  CsvTable::Cell quoted_cell() {
    const int64_t opened = line_;
    const size_t begin = ++read_;
    size_t write = begin;
    for (;; ++read_) {
      if (read_ == text_.size()) refuse(opened, "a quote is never closed");
      if (text_[read_] == '"') {
        ++read_;
        if (read_ == text_.size() || text_[read_] != '"') break;
      }
      if (text_[read_] == '\n') ++line_;
      text_[write++] = text_[read_];
    }
    if (read_ < text_.size() && text_[read_] != delimiter_ && !at_line_end())
      refuse(line_, "expected the cell to end behind its closing quote");
    return {begin, write - begin};
  }

  // The first row has been read: it names the columns or says how many there are.
  void begin_table(bool header) {
    const size_t count = table_.cells_.size();
    std::set<std::string, std::less<>> seen;
    for (size_t i = 0; i < count; ++i) {
      std::string name = fmt::format("{}", i + 1);
      if (header) {
        const std::string_view given =
            std::string_view(text_).substr(table_.cells_[i].begin, table_.cells_[i].length);
        if (!given.empty()) name = given;
      }
      if (!seen.insert(name).second)
        refuse(table_.lines_[0], fmt::format("the column name '{}' stands twice", name));
      table_.names_.push_back(std::move(name));
    }
    if (!header) return;
    table_.cells_.clear();
    table_.lines_.clear();
  }

  CsvTable& table_;
  std::string& text_;
  const CsvOptions& options_;
  char delimiter_;
  size_t read_ = 0;
  int64_t line_ = 1;
};

namespace {

void check_text(const std::string& text, const std::string& source) {
  const bool readable = is_utf8(text) && text.find('\0') == std::string::npos;
  if (readable) return;
  int64_t line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view part = std::string_view(text).substr(begin, end - begin);
    if (part.find('\0') != std::string_view::npos)
      failf(ErrorKind::bad_data, fmt::format("{}:{}", source, line), "holds a zero byte");
    if (!is_utf8(part))
      failf(ErrorKind::bad_data, fmt::format("{}:{}", source, line),
            "not UTF-8; `iconv -f latin1 -t utf-8` converts older files");
    begin = end + 1;
  }
}

}  // namespace

std::string delimiter_hint(std::span<const std::string> names) {
  if (names.size() != 1) return {};
  for (const auto& [delimiter, name] :
       {std::pair(';', "semicolon"), std::pair('\t', "tab"), std::pair('|', "bar")})
    if (names[0].find(delimiter) != std::string::npos)
      return fmt::format("; if what stands between cells is a {0}, say data.delimiter={0}", name);
  return {};
}

CsvTable parse_csv(std::string text, const std::string& source, const CsvOptions& options) {
  GRADUS_CHECK(options.delimiter != '"' && options.delimiter != '\n' && options.delimiter != '\r' &&
                   options.delimiter > 0,
               "[csv] a cell delimiter cannot be a quote, a line break or not ASCII");
  check_text(text, source);
  CsvTable table;
  table.source_ = source;
  table.text_ = std::move(text);
  CsvParser(table, options).run();
  return table;
}

CsvTable read_csv(const std::string& path, const CsvOptions& options) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  return parse_csv(std::string(bytes.begin(), bytes.end()), path, options);
}

}  // namespace gradus
