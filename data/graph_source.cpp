// SPDX-License-Identifier: Apache-2.0
#include "data/graph_source.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "data/file_bytes.h"
#include "data/packed_dataset.h"
#include "data/table_file.h"
#include "engine/base/dispatch.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

using NodeNumbers = std::unordered_map<std::string_view, int64_t>;

constexpr int64_t left_out = -1;  // the number of a node that is not in the graph

std::string table_in(const std::string& folder, const char* stem) {
  std::string path = find_table(folder, stem);
  if (path.empty()) failf(ErrorKind::not_found, folder, "no {}.csv or {}.tsv", stem, stem);
  return path;
}

CsvOptions csv_options(const GraphSource& source, const std::string& path) {
  return {delimiter_of(source.delimiter, path), source.header};
}

std::string text_of(const std::string& path) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

std::string place(const CsvTable& table, int64_t row) {
  return fmt::format("{}:{}", table.source(), table.line(row));
}

std::string shown(std::string_view cell) { return std::string(cell.substr(0, 60)); }

// A header that is missing would be taken for one, and an edge be lost.
void check_header(const CsvTable& table, const NodeNumbers& numbers, const CsvOptions& options) {
  if (!options.header || table.columns() < 2) return;
  const bool edge = std::ranges::all_of(
      std::span(table.names()).first(2),
      [&](const std::string& name) { return numbers.contains(trimmed_cell(name)); });
  if (edge)
    failf(ErrorKind::bad_data, table.source(),
          "the first line is an edge between '{}' and '{}', expected names of columns; "
          "data.header=false says that there are none",
          shown(table.names()[0]), shown(table.names()[1]));
}

std::vector<Edge> edges_of(const CsvTable& table, const NodeNumbers& numbers) {
  const auto number_of = [&](int64_t row, int64_t column) {
    const std::string_view name = trimmed_cell(table.cell(row, column));
    const auto found = numbers.find(name);
    if (found == numbers.end())
      failf(ErrorKind::bad_data, place(table, row), "an edge of '{}', which is no node",
            shown(name));
    return found->second;
  };
  std::vector<Edge> edges;
  for (int64_t row = 0; row < table.rows(); ++row) {
    Edge edge{number_of(row, 0), number_of(row, 1), 1, table.line(row)};
    if (edge.source == left_out || edge.target == left_out) continue;
    if (table.columns() == 3) {
      const std::string_view cell = trimmed_cell(table.cell(row, 2));
      if (!read_cell(ColumnKind::number, cell, edge.weight))
        failf(ErrorKind::bad_data, place(table, row), "weight, expected a finite number, got '{}'",
              shown(cell));
    }
    edges.push_back(edge);
  }
  return edges;
}

// The nodes' names, in the order of the table.
std::vector<std::string> names_of(const CsvTable& table) {
  std::vector<std::string> names;
  std::unordered_map<std::string_view, int64_t> seen;
  for (int64_t row = 0; row < table.rows(); ++row) {
    const std::string_view name = trimmed_cell(table.cell(row, 0));
    if (name.empty()) fail(ErrorKind::bad_data, place(table, row), "the node has no name");
    const auto [entry, is_new] = seen.try_emplace(name, table.line(row));
    if (!is_new)
      failf(ErrorKind::bad_data, place(table, row), "the node '{}' stands on line {} already",
            shown(name), entry->second);
    names.emplace_back(name);
  }
  return names;
}

// Whether a model learnt nodes that are features themselves, by their names.
bool is_by_name(const CsvTable& csv, const LearntCoding& learnt) {
  return learnt.fields.size() == 1 && learnt.fields[0].name == csv.names()[0];
}

// What the columns of the table of nodes are for.
struct NodeColumns {
  Table table;
  size_t target = 0;
  std::optional<size_t> part = {};
  std::vector<size_t> features = {};
  std::vector<std::string> names = {};    // of the nodes
  std::vector<std::string> dropped = {};  // of those that are left out
};

NodeColumns columns_of(const CsvTable& csv, const GraphSource& source) {
  if (csv.columns() < 2)
    failf(ErrorKind::bad_data, csv.source(),
          "expected a column of names and one of classes, got {} column", csv.columns());
  TableSchema schema = source.schema;
  const std::string& target = source.target.empty() ? csv.names().back() : source.target;
  GRADUS_CHECK(target != csv.names()[0] && target != source.part,
               "[data.target] '{}' is the column of {}", target,
               target == source.part ? "parts" : "names");
  schema.dropped.push_back(csv.names()[0]);
  schema.categories.push_back(target);
  if (!source.part.empty()) schema.categories.push_back(source.part);
  if (source.learnt && !is_by_name(csv, *source.learnt))
    schema = with_kinds(schema, source.learnt->fields, csv.names(), csv.source());
  NodeColumns columns{.table = make_table({&csv, 1}, schema)};
  columns.target = find_column(columns.table, target);
  if (!source.part.empty()) columns.part = find_column(columns.table, source.part);
  for (size_t c = 0; c < columns.table.columns.size(); ++c)
    if (c != columns.target && c != columns.part &&
        (!source.learnt || source.learnt->takes(columns.table.columns[c].name)))
      columns.features.push_back(c);
  columns.names = names_of(csv);
  return columns;
}

// Leaves out the nodes that lack a feature.
void drop_incomplete(NodeColumns& columns) {
  const std::vector<int64_t> whole = complete_rows(columns.table, columns.features);
  if (whole.empty())
    failf(ErrorKind::bad_data, columns.table.sources[0],
          "no node is left: every one lacks a feature, and data.missing is drop");
  std::vector<std::string> kept;
  for (size_t node = 0; node < columns.names.size(); ++node) {
    const bool stays = std::ranges::binary_search(whole, static_cast<int64_t>(node));
    (stays ? kept : columns.dropped).push_back(std::move(columns.names[node]));
  }
  columns.names = std::move(kept);
  columns.table = keep_rows(columns.table, whole);
}

// The nodes that a column names for each part.
SplitParts named_parts(const NodeColumns& columns, const GraphSource& source) {
  const SplitPlan& plan = source.split;
  GRADUS_CHECK(plan.validation == 0 && plan.test == 0 && plan.folds == 0,
               "[data.part] says which nodes are for validation and test, expected no shares or "
               "folds");
  const TableColumn& column = columns.table.columns[*columns.part];
  SplitParts parts;
  for (int64_t node = 0; node < columns.table.rows(); ++node) {
    if (column.is_missing(node)) continue;
    const auto code = static_cast<size_t>(column.codes[static_cast<size_t>(node)]);
    const std::string& name = column.categories[code];
    const bool is_validation = name == "val" || name == "validation";
    if (!is_validation && name != "train" && name != "test")
      failf(ErrorKind::bad_data, columns.table.place(node),
            "'{}', expected train, val, test or nothing, got '{}'", column.name, shown(name));
    if (columns.table.columns[columns.target].is_missing(node))
      failf(ErrorKind::bad_data, columns.table.place(node),
            "a node for {} has no class ('{}' is missing)", name,
            columns.table.columns[columns.target].name);
    (name == "train" ? parts.train : is_validation ? parts.validation : parts.test).push_back(node);
  }
  return parts;
}

// Shares of the nodes that have a class.
SplitParts dealt_parts(const NodeColumns& columns, const SplitPlan& plan) {
  const std::vector<int64_t> nodes = complete_rows(columns.table, {&columns.target, 1});
  const std::vector<int32_t>& codes = columns.table.columns[columns.target].codes;
  std::vector<int64_t> labels;
  for (const int64_t node : nodes) labels.push_back(codes[static_cast<size_t>(node)]);
  SplitParts parts = split_samples(static_cast<int64_t>(nodes.size()), labels, plan);
  for (std::vector<int64_t>* part : {&parts.train, &parts.validation, &parts.test})
    for (int64_t& index : *part) index = nodes[static_cast<size_t>(index)];
  return parts;
}

// What a model sees of the nodes.
struct Features {
  std::vector<TableField> fields;
  Tensor values;  // (nodes, features)
};

// Each of the nodes `known` is a feature, which no other node has.
Features names_as_features(const NodeColumns& columns, TableField known) {
  const auto nodes = std::ssize(columns.names);
  if (nodes > most_nodes_as_features)
    failf(ErrorKind::bad_data, columns.table.sources[0],
          "expected a column of features: {} nodes are too many to be features of their own, "
          "which {} may be",
          nodes, most_nodes_as_features);
  NodeNumbers numbers;
  for (size_t i = 0; i < known.categories.size(); ++i)
    numbers.emplace(known.categories[i], static_cast<int64_t>(i));
  const auto width = std::ssize(known.categories);
  Tensor values = Tensor::zeros(DType::f64, {nodes, width});
  for (int64_t node = 0; node < nodes; ++node) {
    const auto found = numbers.find(columns.names[static_cast<size_t>(node)]);
    if (found != numbers.end()) values.data_as<double>()[node * width + found->second] = 1;
  }
  return {{std::move(known)}, std::move(values)};
}

Features features_of(const NodeColumns& columns, const CsvTable& csv, const GraphSource& source) {
  const bool known = source.learnt && !source.learnt->fields.empty();
  if (known && is_by_name(csv, *source.learnt))
    return names_as_features(columns, source.learnt->fields[0]);
  if (!known && columns.features.empty())
    return names_as_features(
        columns,
        {.name = csv.names()[0], .kind = ColumnKind::category, .categories = columns.names});
  std::vector<int64_t> all(static_cast<size_t>(columns.table.rows()));
  std::iota(all.begin(), all.end(), int64_t{0});
  const TableEncoder encoder =
      known ? TableEncoder(columns.table, source.learnt->fields)
            : TableEncoder(columns.table, columns.features, all, source.coding);
  if (encoder.features().empty())
    fail(ErrorKind::bad_data, columns.table.sources[0], "the features have no values");
  return {encoder.fields(), encoder.encode(columns.table, all)};
}

class GraphDataset : public Dataset {
 public:
  GraphDataset(NodeGraph graph, Features features, std::vector<int64_t> targets,
               std::vector<std::string> class_names)
      : graph_(std::move(graph)),
        fields_(std::move(features.fields)),
        features_(std::move(features.values)),
        targets_(std::move(targets)),
        class_names_(std::move(class_names)) {}

  int64_t size() const override { return 1; }
  Shape sample_shape() const override { return features_.shape(); }
  Shape target_shape() const override { return {graph_.nodes()}; }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return static_cast<int64_t>(class_names_.size()); }
  std::vector<std::string> class_names() const override { return class_names_; }
  const NodeGraph* graph() const override { return &graph_; }
  std::vector<TableField> table_fields() const override { return fields_; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    const int64_t values = features_.numel(), nodes = graph_.nodes();
    const double* from = features_.data_as<double>();
    const auto samples = static_cast<int64_t>(indices.size());
    dispatch_float(inputs.dtype(), [&](auto wanted) {
      using T = typename decltype(wanted)::type;
      for (int64_t s = 0; s < samples; ++s)
        std::transform(from, from + values, inputs.data_as<T>() + (first + s) * values,
                       [](double value) { return static_cast<T>(value); });
    });
    for (int64_t s = 0; s < samples; ++s)
      std::ranges::copy(targets_, targets.data_as<int64_t>() + (first + s) * nodes);
  }

 private:
  NodeGraph graph_;
  std::vector<TableField> fields_;
  Tensor features_;
  std::vector<int64_t> targets_;
  std::vector<std::string> class_names_;
};

}  // namespace

NodeGraph parse_edges(std::string text, const std::string& path, CsvOptions options,
                      std::vector<std::string> names, std::span<const std::string> dropped) {
  options.may_be_empty = true;
  const CsvTable table = parse_csv(std::move(text), path, options);
  const int64_t columns = table.columns();
  if (columns != 2 && columns != 3 && (columns != 0 || table.rows() != 0))
    failf(ErrorKind::bad_data, path,
          "expected columns for source, target and possibly weight, got {}", columns);
  NodeNumbers numbers;
  for (size_t i = 0; i < names.size(); ++i) numbers.emplace(names[i], static_cast<int64_t>(i));
  for (const std::string& name : dropped) numbers.emplace(name, left_out);
  check_header(table, numbers, options);
  const std::vector<Edge> edges = edges_of(table, numbers);
  return make_node_graph(path, std::move(names), edges);
}

std::unique_ptr<Dataset> load_graph(const GraphSource& source, Split split) {
  const std::string edges = table_in(source.path, "edges");
  const std::string nodes = table_in(source.path, "nodes");
  const CsvTable csv = read_csv(nodes, csv_options(source, nodes));
  NodeColumns columns = columns_of(csv, source);
  if (source.coding.missing == MissingPolicy::drop) drop_incomplete(columns);
  const TableColumn& target = columns.table.columns[columns.target];
  if (target.categories.size() < 2 && !source.learnt)
    failf(ErrorKind::bad_data, nodes,
          "the target '{}' has {} different values, expected at least 2 classes", target.name,
          target.categories.size());
  const SplitParts parts =
      columns.part ? named_parts(columns, source) : dealt_parts(columns, source.split);
  if (parts.train.empty()) fail(ErrorKind::bad_data, nodes, "no node is for training");
  const std::vector<int64_t>& part = split == Split::train ? parts.train
                                     : split == Split::test && !parts.test.empty()
                                         ? parts.test
                                         : parts.validation;
  if (part.empty() && split == Split::validation) return nullptr;
  GRADUS_CHECK(!part.empty(), "[{}] there is no test part: data.part or data.test say which",
               source.path);
  std::vector<int64_t> targets(static_cast<size_t>(columns.table.rows()), no_target);
  for (const int64_t node : part)
    targets[static_cast<size_t>(node)] = target.codes[static_cast<size_t>(node)];
  NodeGraph graph = parse_edges(text_of(edges), edges, csv_options(source, edges), columns.names,
                                columns.dropped);
  return std::make_unique<GraphDataset>(std::move(graph), features_of(columns, csv, source),
                                        std::move(targets), target.categories);
}

}  // namespace gradus
