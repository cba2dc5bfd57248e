// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "data/dataset.h"
#include "data/learnt_coding.h"
#include "data/node_graph.h"
#include "data/sources.h"
#include "data/split.h"
#include "data/table_encoder.h"

namespace gradus {

// A folder with a list of edges, edges.csv or edges.tsv, and a table of nodes, nodes.csv or
// nodes.tsv (each possibly with .gz). A row of the list names two nodes and may give a weight; the
// first column of the table names each node, one column is its class, and the others are its
// features. Without any, each node is a feature of its own.
struct GraphSource {
  std::string path = {};
  char delimiter = 0;       // 0: a tab in .tsv, else a comma
  bool header = true;       // of both files
  std::string target = {};  // the column of classes; empty: the last
  // The column that says of each node `train`, `val` or `test`, or nothing; empty: there is none,
  // and `split` deals the nodes that have a class.
  std::string part = {};
  TableSchema schema = {};
  TableCoding coding = {};  // of the features, by the values of all nodes
  SplitPlan split = {};
  // Where a model has learnt already: how its features were coded, in place of `coding`.
  std::optional<LearntCoding> learnt = {};
};

// Without a column of features.
inline constexpr int64_t most_nodes_as_features = 4096;

// One sample: the graph. Inputs are the features of all nodes (nodes, features), targets the class
// of each node of the part, and no_target (data/packed_dataset.h) of the others: those count in
// nothing. Under MissingPolicy::drop nodes that lack a feature are left out, and their edges too.
// Dataset::graph() is not null, table_fields() are the features; of nodes that are features
// themselves, their names in 0-1 form. Null where no node is for validation; without test nodes
// the test split is the validation split. Throws not_found; bad_data naming file and line for a
// node without a name, one that stands there twice, an edge of a node that the table does not have,
// another number of columns, and as make_node_graph, make_table, TableEncoder and split_samples.
std::unique_ptr<Dataset> load_graph(const GraphSource& source, Split split);

// The edges of a list, of nodes that `names` has in this order; there may be none. `text` is that
// of the file. Edges of nodes in `dropped` are left out. Throws as load_graph.
NodeGraph parse_edges(std::string text, const std::string& path, CsvOptions options,
                      std::vector<std::string> names, std::span<const std::string> dropped = {});

}  // namespace gradus
