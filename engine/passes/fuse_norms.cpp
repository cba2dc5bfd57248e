// SPDX-License-Identifier: Apache-2.0
// batch_norm -> relu -> max_pool as batch_norm_relu. The gradient of that chain, as autodiff writes
// it, is max_pool_backward -> where(norm <= 0, 0, .) -> batch_norm_backward; a chain is taken as a
// whole or left alone.
#include <algorithm>
#include <optional>
#include <set>

#include "engine/op/registry.h"
#include "engine/passes/passes.h"

namespace gradus {
namespace {

// The nodes of one chain; -1: has none.
struct Chain {
  int norm = -1, relu = -1, pool = -1;
  int blocked = -1, unpool = -1, where = -1, norm_backward = -1;

  int result() const { return pool >= 0 ? pool : relu; }
};

class NormFuser {
 public:
  explicit NormFuser(const Graph& graph) : graph_(graph), rewriter_(graph) {
    for (int i = 0; i < size(); ++i)
      for (const ValueRef& input : graph.node(i).inputs)
        if (input.present()) readers_[input].insert(i);
    for (const auto* list : {&graph.outputs(), &graph.updates()})
      for (const NamedValue& named : *list) readers_[named.value].insert(outside);
  }

  GraphPtr run() {
    std::map<int, Chain> starts, ends;
    std::set<int> gone;
    for (int i = 0; i < size(); ++i)
      if (const std::optional<Chain> chain = chain_from(i)) {
        starts[i] = *chain;
        if (chain->norm_backward >= 0) ends[chain->norm_backward] = *chain;
        for (int node : {chain->relu, chain->pool, chain->blocked, chain->unpool, chain->where})
          if (node >= 0) gone.insert(node);
      }
    for (int i = 0; i < size(); ++i) {
      if (gone.contains(i)) continue;
      if (const auto start = starts.find(i); start != starts.end())
        emit_forward(start->second);
      else if (const auto end = ends.find(i); end != ends.end())
        emit_backward(end->second);
      else
        rewriter_.copy(i);
    }
    return rewriter_.finish();
  }

 private:
  static constexpr int outside = -1;

  int size() const { return static_cast<int>(graph_.nodes().size()); }
  bool is(int node, std::string_view op) const {
    return node >= 0 && graph_.node(node).op != nullptr && graph_.node(node).op->name == op;
  }
  const std::set<int>& readers(ValueRef value) const {
    static const std::set<int> none;
    const auto found = readers_.find(value);
    return found == readers_.end() ? none : found->second;
  }
  // The only reader of a value, if that is such an op.
  int only_reader(ValueRef value, std::string_view op) const {
    const std::set<int>& all = readers(value);
    return all.size() == 1 && is(*all.begin(), op) ? *all.begin() : -1;
  }
  bool is_zero(ValueRef value) const {
    if (!value.present()) return false;
    const Node& node = graph_.node(value.node);
    return node.kind == NodeKind::constant && node.constant.numel() == 1 &&
           node.constant.to_doubles()[0] == 0;
  }

  std::optional<Chain> chain_from(int norm) const {
    if (!is(norm, "batch_norm") || !graph_.node(norm).attrs.boolean("channels_last")) return {};
    const DType dtype = graph_.spec({norm, 0}).dtype;
    if (dtype == DType::f64 || graph_.spec({norm, 0}).shape.rank() > 5) return {};
    Chain chain{.norm = norm};
    for (int reader : readers({norm, 0})) {
      if (is(reader, "relu") && chain.relu < 0)
        chain.relu = reader;
      else if (is(reader, "le") && chain.blocked < 0)
        chain.blocked = reader;
      else
        return {};
    }
    if (chain.relu < 0) return {};
    if (chain.blocked >= 0 && !follow_back(chain)) return {};
    chain.pool = pool_of(chain);
    if (chain.blocked >= 0 && !close(chain)) return {};
    return chain;
  }

  // blocked -> where -> norm_backward.
  bool follow_back(Chain& chain) const {
    const Node& norm = graph_.node(chain.norm);
    const Node& blocked = graph_.node(chain.blocked);
    if (blocked.inputs[0] != ValueRef{chain.norm, 0} || !is_zero(blocked.inputs[1])) return false;
    chain.where = only_reader({chain.blocked, 0}, "where");
    if (chain.where < 0) return false;
    const Node& where = graph_.node(chain.where);
    if (where.inputs[0] != ValueRef{chain.blocked, 0} || !is_zero(where.inputs[1])) return false;
    chain.norm_backward = only_reader({chain.where, 0}, "batch_norm_backward");
    if (chain.norm_backward < 0) return false;
    const Node& back = graph_.node(chain.norm_backward);
    return back.inputs[0] == ValueRef{chain.where, 0} && back.inputs[1] == norm.inputs[0] &&
           back.inputs[2] == ValueRef{chain.norm, 3} && back.inputs[3] == ValueRef{chain.norm, 4} &&
           back.inputs[4] == norm.inputs[3] &&
           back.attrs.boolean("training") == norm.attrs.boolean("training") &&
           back.attrs.boolean("channels_last");
  }

  // The pooling that alone reads the relu, if its windows lie side by side and cover the input.
  int pool_of(const Chain& chain) const {
    const int pool = only_reader({chain.relu, 0}, "max_pool");
    if (pool < 0 || !graph_.node(pool).attrs.boolean("channels_last")) return -1;
    const Attrs& attrs = graph_.node(pool).attrs;
    const auto& kernel = attrs.integers("kernel_size");
    const Shape& input = graph_.spec({chain.relu, 0}).shape;
    if (static_cast<int>(kernel.size()) != input.rank() - 2) return -1;
    for (size_t d = 0; d < kernel.size(); ++d)
      if (input[static_cast<int>(d) + 1] % kernel[d] != 0) return -1;
    const auto all = [&](std::string_view name, int64_t value) {
      return !attrs.has(name) ||
             std::ranges::all_of(attrs.integers(name), [&](int64_t x) { return x == value; });
    };
    const bool side_by_side = !attrs.has("stride") ||
                              expand_list(attrs.integers("stride"), static_cast<int>(kernel.size()),
                                          "max_pool", "stride") == kernel;
    return side_by_side && all("padding", 0) && all("dilation", 1) ? pool : -1;
  }

  // The gradient comes in through max_pool_backward where there is a pool, and nobody else reads
  // what the chain no longer makes.
  bool close(Chain& chain) const {
    const std::set<int>* indices = nullptr;
    if (chain.pool >= 0) indices = &readers({chain.pool, 1});
    const ValueRef incoming = graph_.node(chain.where).inputs[2];
    if (graph_.spec(incoming).shape != graph_.spec({chain.norm, 0}).shape) return false;
    if (!indices || indices->empty()) {
      chain.pool = -1;
      return true;
    }
    chain.unpool = only_reader({chain.pool, 1}, "max_pool_backward");
    if (chain.unpool < 0 || incoming != ValueRef{chain.unpool, 0} ||
        only_reader(incoming, "where") != chain.where)
      return false;
    return graph_.node(chain.unpool).attrs.boolean("channels_last");
  }

  AttrList attributes(const Chain& chain) const {
    AttrList attrs{{"training", graph_.node(chain.norm).attrs.boolean("training")},
                   {"channels_last", true}};
    if (chain.pool >= 0)
      attrs.emplace_back("window", graph_.node(chain.pool).attrs.integers("kernel_size"));
    return attrs;
  }

  void emit_forward(const Chain& chain) {
    const Node& norm = graph_.node(chain.norm);
    std::vector<Value> inputs;
    for (const ValueRef& input : norm.inputs) inputs.push_back(rewriter_.mapped(input));
    AttrList attrs = attributes(chain);
    attrs.emplace_back("momentum", norm.attrs.real("momentum"));
    attrs.emplace_back("eps", norm.attrs.real("eps"));
    const std::vector<Value> results =
        rewriter_.emit(chain.norm, get_op("batch_norm_relu"), inputs, attrs);
    rewriter_.replace({chain.result(), 0}, results[0]);
    for (int k = 1; k < static_cast<int>(results.size()); ++k)
      rewriter_.replace({chain.norm, k}, results[static_cast<size_t>(k)]);
  }

  void emit_backward(const Chain& chain) {
    const Node& norm = graph_.node(chain.norm);
    const ValueRef dy = chain.unpool >= 0 ? graph_.node(chain.unpool).inputs[0]
                                          : graph_.node(chain.where).inputs[2];
    std::vector<Value> inputs;
    for (const ValueRef& input : {dy, norm.inputs[0], ValueRef{chain.norm, 3},
                                  ValueRef{chain.norm, 4}, norm.inputs[3], norm.inputs[4]})
      inputs.push_back(rewriter_.mapped(input));
    const std::vector<Value> results = rewriter_.emit(
        chain.norm_backward, get_op("batch_norm_relu_backward"), inputs, attributes(chain));
    for (int k = 0; k < static_cast<int>(results.size()); ++k)
      rewriter_.replace({chain.norm_backward, k}, results[static_cast<size_t>(k)]);
  }

  const Graph& graph_;
  Rewriter rewriter_;
  std::map<ValueRef, std::set<int>> readers_;
};

}  // namespace

GraphPtr fuse_norms(const Graph& graph) { return NormFuser(graph).run(); }

}  // namespace gradus
