// SPDX-License-Identifier: Apache-2.0
// A fuzz target: delimited text, its types, and a data set made of it. The first byte chooses the
// delimiter and the header.
#include <cstddef>
#include <cstdint>

#include "data/table_encoder.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  using namespace gradus;
  const CsvOptions options = {data[0] & 1 ? '\t' : ',', (data[0] & 2) == 0};
  try {
    const CsvTable parsed[] = {
        parse_csv(std::string(reinterpret_cast<const char*>(data) + 1, size - 1), "t", options)};
    const Table table = make_table(parsed);
    std::vector<size_t> columns;
    std::vector<int64_t> rows;
    for (size_t i = 0; i < table.columns.size(); ++i) columns.push_back(i);
    for (int64_t i = 0; i < table.rows(); ++i) rows.push_back(i);
    const TableEncoder encoder(table, columns, rows, {.missing = MissingPolicy::mean});
    (void)encoder.encode(table, rows);
  } catch (const Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
