// SPDX-License-Identifier: Apache-2.0
// A fuzz target: a list of edges and the matrix of its graph. The first byte chooses delimiter and
// header; the nodes are a, b, c, 0 to 9.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "data/graph_source.h"
#include "engine/base/error.h"

namespace {

// What make_node_graph promises.
void check(const gradus::NodeGraph& graph) {
  const gradus::SparseRows& rows = graph.adjacency;
  bool good = rows.rows() == graph.nodes() && rows.col.size() % 2 == 0;
  for (int64_t node = 0; good && node < rows.rows(); ++node) {
    const auto begin = rows.col.begin() + rows.crow[static_cast<size_t>(node)];
    const auto end = rows.col.begin() + rows.crow[static_cast<size_t>(node) + 1];
    good = std::is_sorted(begin, end, std::less_equal<>()) && std::find(begin, end, node) == end;
  }
  const gradus::SparseRows mixed = symmetric_normalised(rows);
  good = good && mixed.col.size() == rows.col.size() + graph.names.size() &&
         std::ranges::all_of(mixed.values, [](double v) { return v >= 0 && std::isfinite(v); });
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const gradus::CsvOptions options = {data[0] & 1 ? '\t' : ',', (data[0] & 2) == 0};
  try {
    check(gradus::parse_edges(std::string(reinterpret_cast<const char*>(data) + 1, size - 1), "t",
                              options,
                              {"a", "b", "c", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  } catch (const gradus::Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
