// SPDX-License-Identifier: Apache-2.0
#include "data/csv.h"

#include "data/table.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

std::vector<std::vector<std::string>> cells_of(const CsvTable& table) {
  std::vector<std::vector<std::string>> rows;
  for (int64_t r = 0; r < table.rows(); ++r) {
    rows.emplace_back();
    for (int64_t c = 0; c < table.columns(); ++c) rows.back().emplace_back(table.cell(r, c));
  }
  return rows;
}

using Rows = std::vector<std::vector<std::string>>;

std::string refusal(const std::string& text, const CsvOptions& options = {}) {
  try {
    parse_csv(text, "t.csv", options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text;
  return "";
}

TEST(Csv, ReadsCellsUnderTheirNames) {
  const CsvTable table = parse_csv("a,b\n1,x y\n,2\n", "t.csv");
  EXPECT_EQ(table.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(cells_of(table), (Rows{{"1", "x y"}, {"", "2"}}));
  EXPECT_EQ(table.line(0), 2);
  EXPECT_EQ(table.line(1), 3);
}

TEST(Csv, UnquotesAsRfc4180) {
  const CsvTable table =
      parse_csv("\"a\",\"b,c\"\r\n\"say \"\"no\"\"\",\"two\r\nlines\"\r\n\"\",x\r\n", "t.csv");
  EXPECT_EQ(table.names(), (std::vector<std::string>{"a", "b,c"}));
  EXPECT_EQ(cells_of(table), (Rows{{"say \"no\"", "two\r\nlines"}, {"", "x"}}));
  EXPECT_EQ(table.line(1), 4);  // the line break inside of a cell counts
}

TEST(Csv, TheLastLineNeedsNoEnd) {
  EXPECT_EQ(cells_of(parse_csv("a,b\n1,2", "t.csv")), (Rows{{"1", "2"}}));
  EXPECT_EQ(cells_of(parse_csv("a,b\n1,", "t.csv")), (Rows{{"1", ""}}));
  EXPECT_EQ(cells_of(parse_csv("a,b\n1,\"2\"", "t.csv")), (Rows{{"1", "2"}}));
  EXPECT_EQ(cells_of(parse_csv("a,b\n1,\"\"", "t.csv")), (Rows{{"1", ""}}));
}

TEST(Csv, SkipsByteOrderMarkAndBlankLines) {
  EXPECT_EQ(cells_of(parse_csv("\xEF\xBB\xBF\na,b\n\n1,2\r\n\r\n\n", "t.csv")), (Rows{{"1", "2"}}));
}

TEST(Csv, NumbersColumnsWithoutHeaderAndEmptyNames) {
  const CsvTable table = parse_csv("1\t2\n3\t4\n", "t.tsv", {'\t', false});
  EXPECT_EQ(table.names(), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(table.rows(), 2);
  EXPECT_EQ(parse_csv(",b\n1,2\n", "t.csv").names(), (std::vector<std::string>{"1", "b"}));
}

TEST(Csv, RefusesWithFileAndLine) {
  EXPECT_NE(
      refusal("a,b\n1,2\n3\n").find("[t.csv:3] expected 2 cells, as on the first line, got 1"),
      std::string::npos);
  EXPECT_NE(refusal("a,b\n1,2,\n").find("[t.csv:2]"), std::string::npos);
  EXPECT_NE(refusal("a,b\n1,\"2\n\n\n").find("[t.csv:2] a quote is never closed"),
            std::string::npos);
  EXPECT_NE(refusal("a,b\n\"1\"x,2\n").find("[t.csv:2] expected the cell to end"),
            std::string::npos);
  EXPECT_NE(refusal("a,b\n1,2\"\n").find("[t.csv:2] a quote inside"), std::string::npos);
  EXPECT_NE(refusal("a,a\n1,2\n").find("'a' stands twice"), std::string::npos);
  EXPECT_NE(refusal("a,b\n1,\xE9\n").find("[t.csv:2] not UTF-8"), std::string::npos);
  EXPECT_NE(refusal(std::string("a,b\n1,\0\n", 8)).find("[t.csv:2] holds a zero byte"),
            std::string::npos);
  for (const char* empty : {"", "\n\n", "a,b\n", "\xEF\xBB\xBF"})
    EXPECT_NE(refusal(empty).find("no rows"), std::string::npos);
  EXPECT_THROW(parse_csv("a\n1\n", "t.csv", {'"', true}), Error);
}

TEST(Csv, WhatIsWrittenQuotedIsReadBack) {
  const std::string letters = "ab\",\n\r \xC3";
  for (uint32_t round = 0; round < 300; ++round) {
    Rows expected(1 + philox_word({round, 1}, 0) % 4);
    std::string text = "x,y\n";
    uint64_t next = 1;
    for (auto& row : expected)
      for (int c = 0; c < 2; ++c) {
        std::string cell, quoted;
        for (uint32_t n = philox_word({round, 1}, next++) % 6; n > 0; --n) {
          const char letter = letters[philox_word({round, 1}, next++) % letters.size()];
          cell += letter;
          if (letter == '\xC3') cell += '\xA9';
        }
        for (const char letter : cell)
          quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
        text += "\"" + quoted + (c == 0 ? "\"," : "\"\r\n");
        row.push_back(cell);
      }
    EXPECT_EQ(cells_of(parse_csv(text, "t.csv")), expected) << text;
  }
}

TEST(Csv, NeverCrashesOnMutatedText) {
  const std::string valid = "\"a\",b,c\r\n1,\"x\"\"y\",3\n4,,\"6\n7\"\n";
  for (uint64_t round = 0; round < 3000; ++round) {
    std::string text = valid;
    text[philox_word({3, 4}, 3 * round) % text.size()] =
        "\",\n\r x\xC3\0"[philox_word({3, 4}, 3 * round + 1) % 8];
    text.resize(philox_word({3, 4}, 3 * round + 2) % (valid.size() + 1));
    try {
      const std::vector<CsvTable> files = {parse_csv(text, "t.csv")};
      (void)make_table(files);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    }
  }
}

Table table_of(const std::string& text, const TableSchema& schema = {}) {
  const std::vector<CsvTable> files = {parse_csv(text, "t.csv")};
  return make_table(files, schema);
}

TEST(Table, InfersNumbersDatesAndCategories) {
  const Table table = table_of(
      "n,d,c,when\n1.5, 1970-01-02,red,2024-02-29 12:00\n-2e3,2000-03-01,,1969-12-31T00:00:00\n"
      "NA,,blue,?\n");
  EXPECT_EQ(table.columns[0].kind, ColumnKind::number);
  EXPECT_EQ(table.columns[0].numbers[1], -2000);
  EXPECT_TRUE(table.columns[0].is_missing(2));
  EXPECT_EQ(table.columns[1].kind, ColumnKind::date);
  EXPECT_EQ(table.columns[1].numbers[0], 1);
  EXPECT_EQ(table.columns[1].numbers[1], 11017);  // date -d 2000-03-01 +%s / 86400
  EXPECT_EQ(table.columns[2].kind, ColumnKind::category);
  EXPECT_EQ(table.columns[2].categories, (std::vector<std::string>{"blue", "red"}));
  EXPECT_EQ(table.columns[2].codes, (std::vector<int32_t>{1, missing_code, 0}));
  EXPECT_EQ(table.columns[3].numbers[0], 19782.5);
  EXPECT_EQ(table.columns[3].numbers[1], -1);
}

TEST(Table, WholeNumbersThatAreNamesAreSortedByValue) {
  const Table table =
      table_of("zip\n10\n9\n100\n9\n", {.numbers = {}, .categories = {"zip"}, .dropped = {}});
  EXPECT_EQ(table.columns[0].categories, (std::vector<std::string>{"9", "10", "100"}));
  EXPECT_EQ(table.columns[0].codes, (std::vector<int32_t>{1, 0, 2, 0}));
}

TEST(Table, RefusesCellsThatAreNotOfTheirKind) {
  const auto message = [](const std::string& text, const TableSchema& schema = {}) -> std::string {
    try {
      table_of(text, schema);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const TableSchema numeric = {.numbers = {"b"}, .categories = {}, .dropped = {}};
  EXPECT_NE(message("a,b\n1,2\n1,x\n", numeric)
                .find("[t.csv:3] column 'b', expected a finite number, got 'x'"),
            std::string::npos);
  EXPECT_NE(message("a\n1\ninf\n").find("[t.csv:3] column 'a', expected a finite number"),
            std::string::npos);
  EXPECT_NE(message("a\n1\n1e999\n").find("[t.csv:3]"), std::string::npos);
  EXPECT_NE(message("a\n1\n", numeric).find("no column 'b'; there are: a"), std::string::npos);
  EXPECT_EQ(message("a\n2024-02-30\n2024-01-01\n"), "accepted");  // no date: a category
}

TEST(Table, SeveralFilesNeedTheSameColumns) {
  const std::vector<CsvTable> same = {parse_csv("a\n1\n", "one.csv"),
                                      parse_csv("a\n2\n\n3\n", "two.csv")};
  const Table table = make_table(same);
  EXPECT_EQ(table.rows(), 3);
  EXPECT_EQ(table.place(0), "one.csv:2");
  EXPECT_EQ(table.place(2), "two.csv:4");
  const std::vector<CsvTable> other = {parse_csv("a\n1\n", "one.csv"),
                                       parse_csv("b\n2\n", "two.csv")};
  EXPECT_THROW(make_table(other), Error);
}

}  // namespace
}  // namespace gradus
