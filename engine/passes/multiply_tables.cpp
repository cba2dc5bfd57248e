// SPDX-License-Identifier: Apache-2.0
// With x = table[indices], row by row: linear(x, w) = linear(table, w)[indices]. For the gradients
// let g be the gradient of the product and s = embedding_backward(g, indices), the sum of g's rows
// for each row of the table: g^T x = s^T table, and embedding_backward(g w, indices) = s w.
#include <algorithm>
#include <set>

#include "engine/op/core_ops.h"
#include "engine/op/registry.h"
#include "engine/passes/passes.h"

namespace gradus {
namespace {

// Between an embedding and the product: nodes that move whole rows, in the graph's order.
using Moves = std::vector<int>;

class TableMultiplier {
 public:
  explicit TableMultiplier(const Graph& graph) : graph_(graph), rewriter_(graph) {
    for (const Node& node : graph.nodes())
      for (const ValueRef& input : node.inputs)
        if (input.present()) readers_.insert(input);
    for (const auto* list : {&graph.outputs(), &graph.updates()})
      for (const NamedValue& named : *list) readers_.insert(named.value);
  }

  GraphPtr run() {
    for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i)
      if (!forward(i) && !weight_gradient(i) && !table_gradient(i)) rewriter_.copy(i);
    return rewriter_.finish();
  }

 private:
  bool is(int node, std::string_view op) const {
    return graph_.node(node).op != nullptr && graph_.node(node).op->name == op;
  }
  const Shape& shape(ValueRef value) const { return graph_.spec(value).shape; }
  static int64_t last(const Shape& shape) { return shape[shape.rank() - 1]; }
  static Shape without_last(Shape shape) {
    shape.erase(shape.rank() - 1);
    return shape;
  }

  bool moves_rows(int i) const {
    const Node& node = graph_.node(i);
    if (is(i, core_op::permute)) {
      const auto& dims = node.attrs.integers("dims");
      const int64_t end = static_cast<int64_t>(dims.size()) - 1;
      return end >= 0 && (dims.back() == end || dims.back() == -1);
    }
    if (!is(i, core_op::reshape)) return false;
    const Shape &from = shape(node.inputs[0]), &to = node.outputs[0].shape;
    return from.rank() > 0 && to.rank() > 0 && last(from) == last(to) && last(to) > 0;
  }

  // The dims of a permute among the rows' dims.
  static std::vector<int64_t> row_dims(const Node& permute) {
    std::vector<int64_t> dims = permute.attrs.integers("dims");
    for (int64_t& dim : dims)
      if (dim < 0) dim += static_cast<int64_t>(dims.size());
    dims.pop_back();
    return dims;
  }

  // The embedding whose rows `value` holds, and what moved them; -1: none.
  int embedding_of(ValueRef value, Moves& moves) const {
    while (value.present() && moves_rows(value.node)) {
      moves.insert(moves.begin(), value.node);
      value = graph_.node(value.node).inputs[0];
    }
    return value.present() && is(value.node, "embedding") && plain(value.node) ? value.node : -1;
  }
  // Its gradient is its derivative, and its rows repeat.
  bool plain(int embedding) const {
    const Node& node = graph_.node(embedding);
    return !node.attrs.has("padding_idx") && !node.attrs.boolean("scale_grad_by_freq") &&
           pays(graph_.spec(node.inputs[0]).numel(), shape(node.inputs[1])[0]);
  }
  static bool pays(int64_t indices, int64_t rows) { return rows > 0 && indices / 2 >= rows; }

  // Indices as the moves leave the rows they stand for.
  Value follow(Value indices, const Moves& moves) {
    for (int i : moves) {
      const Node& node = graph_.node(i);
      indices = is(i, core_op::permute)
                    ? apply1(core_op::permute, {indices}, {{"dims", row_dims(node)}})
                    : apply1(core_op::reshape, {indices},
                             {{"shape", without_last(node.outputs[0].shape)}});
    }
    return indices;
  }
  // Indices as they were before the moves.
  Value undo(Value indices, const Moves& moves) {
    for (auto i = moves.rbegin(); i != moves.rend(); ++i) {
      const Node& node = graph_.node(*i);
      if (!is(*i, core_op::permute)) {
        indices =
            apply1(core_op::reshape, {indices}, {{"shape", without_last(shape(node.inputs[0]))}});
        continue;
      }
      const std::vector<int64_t> dims = row_dims(node);
      std::vector<int64_t> inverse(dims.size());
      for (size_t d = 0; d < dims.size(); ++d)
        inverse[static_cast<size_t>(dims[d])] = static_cast<int64_t>(d);
      indices = apply1(core_op::permute, {indices}, {{"dims", inverse}});
    }
    return indices;
  }

  std::vector<Value> mapped_inputs(const Node& node) const {
    std::vector<Value> inputs;
    for (const ValueRef& input : node.inputs) inputs.push_back(rewriter_.mapped(input));
    return inputs;
  }

  Value row_sums(int like, Value gradient, Value indices, int64_t rows) {
    return rewriter_.emit(like, get_op("embedding_backward"), {gradient, indices},
                          {{"num_weights", rows}})[0];
  }

  // Row k of the product depends on row k of the first input alone.
  bool is_rowwise_product(int i) const {
    const Node& node = graph_.node(i);
    if (is(i, "linear")) return shape(node.inputs[1]).rank() == 2;
    return is(i, "gemm") && !node.attrs.boolean("transpose_a") && are_matrices(node);
  }
  bool are_matrices(const Node& gemm) const {
    return shape(gemm.inputs[0]).rank() == 2 && shape(gemm.inputs[1]).rank() == 2;
  }

  bool forward(int i) {
    if (!is_rowwise_product(i)) return false;
    const Node& node = graph_.node(i);
    Moves moves;
    const int embedding = embedding_of(node.inputs[0], moves);
    if (embedding < 0) return false;
    const Node& source = graph_.node(embedding);
    std::vector<Value> inputs = mapped_inputs(node);
    inputs[0] = rewriter_.mapped(source.inputs[1]);
    const Value products = rewriter_.emit(i, *node.op, inputs, node.attrs.all())[0];
    const Value indices = follow(rewriter_.mapped(source.inputs[0]), moves);
    rewriter_.replace({i, 0}, rewriter_.emit(embedding, *source.op, {indices, products}, {})[0]);
    return true;
  }

  // gemm(g, x, transpose_a)
  bool weight_gradient(int i) {
    if (!is(i, "gemm")) return false;
    const Node& node = graph_.node(i);
    Moves moves;
    if (!node.attrs.boolean("transpose_a") || node.attrs.boolean("transpose_b") ||
        !are_matrices(node))
      return false;
    const int embedding = embedding_of(node.inputs[1], moves);
    if (embedding < 0) return false;
    const Node& source = graph_.node(embedding);
    const Value indices = follow(rewriter_.mapped(source.inputs[0]), moves);
    const Value sums =
        row_sums(i, rewriter_.mapped(node.inputs[0]), indices, shape(source.inputs[1])[0]);
    rewriter_.replace({i, 0},
                      rewriter_.emit(i, *node.op, {sums, rewriter_.mapped(source.inputs[1])},
                                     node.attrs.all())[0]);
    return true;
  }

  // embedding_backward(gemm(g, w)), where nobody else reads that product
  bool table_gradient(int i) {
    if (!is(i, "embedding_backward")) return false;
    const Node& node = graph_.node(i);
    const int64_t rows = node.attrs.integer("num_weights");
    if (node.attrs.has("padding_idx") || !pays(graph_.spec(node.inputs[1]).numel(), rows))
      return false;
    Moves moves;
    ValueRef value = node.inputs[0];
    for (; readers_.count(value) == 1 && moves_rows(value.node);
         value = graph_.node(value.node).inputs[0])
      moves.insert(moves.begin(), value.node);
    if (readers_.count(value) != 1 || !is(value.node, "gemm")) return false;
    const Node& product = graph_.node(value.node);
    if (product.attrs.boolean("transpose_a") || !are_matrices(product)) return false;
    const Value indices = undo(rewriter_.mapped(node.inputs[1]), moves);
    const Value sums = row_sums(i, rewriter_.mapped(product.inputs[0]), indices, rows);
    rewriter_.replace(
        {i, 0}, rewriter_.emit(value.node, *product.op, {sums, rewriter_.mapped(product.inputs[1])},
                               product.attrs.all())[0]);
    return true;
  }

  const Graph& graph_;
  Rewriter rewriter_;
  std::multiset<ValueRef> readers_;
};

}  // namespace

GraphPtr multiply_tables(const Graph& graph) { return TableMultiplier(graph).run(); }

}  // namespace gradus
