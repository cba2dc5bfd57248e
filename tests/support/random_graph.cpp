// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_graph.h"

#include <cstring>

#include "engine/base/philox.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "ops/ops.h"

namespace gradus::testing {
namespace {

// A small stream of choices.
class Dice {
 public:
  explicit Dice(uint64_t seed) : key_{static_cast<uint32_t>(seed), 0x5eed} {}
  int below(int count) {
    return static_cast<int>(philox_word(key_, next_++) % static_cast<uint32_t>(count));
  }

 private:
  PhiloxKey key_;
  uint64_t next_ = 0;
};

Value pick(Dice& dice, const std::vector<Value>& pool) {
  return pool[static_cast<size_t>(dice.below(static_cast<int>(pool.size())))];
}

// What all_kinds adds.
Value grow_other(Dice& dice, const Value a, const Value b) {
  switch (dice.below(12)) {
    case 0:
      return apply1("dropout", {a}, {{"p", 0.4}});
    case 1:
      return a *
             a.graph().apply(get_op("rand"), {}, {{"size", a.shape()}, {"dtype", a.dtype()}})[0];
    case 2:
      return tanh(cast(a, DType::f32)) * 0.7;
    case 3:
      return cast(a, DType::f64) - cast(sin(cast(a, DType::f32)), DType::f64);
    case 4:
      return a.rank() == 2 ? apply1("matmul", {a, transpose(a, 0, 1)}) : sigmoid(a);
    case 5: {  // two equal nodes of two outputs, of which both are read
      if (a.rank() == 0 || a.shape()[0] < 3) return exp(-a);
      const AttrList sections = {
          {"split_size_or_sections", AttrValue::Integers{1, a.shape()[0] - 1}}};
      const Value front = apply("split", {a}, sections)[0], back = apply("split", {a}, sections)[1];
      return a * (sum(sin(front)) - sum(sin(back)));
    }
    case 6: {  // may lie where its first input lies, and reads that twice in another order
      if (a.rank() == 0) return a * a;
      std::vector<int64_t> next;
      for (int64_t i = 0; i < a.shape()[0]; ++i) next.push_back((i + 1) % a.shape()[0]);
      const Value index =
          a.graph().constant(Tensor::from<int64_t>(DType::i64, {a.shape()[0]}, next));
      return apply1("index_add", {a, index, a}, {{"dim", 0}});
    }
    case 7:
      return a.rank() == 2 ? apply1("tril", {a}, {{"diagonal", dice.below(3) - 1}}) : square(a);
    case 8:
      return clamp(a, {{"min", -0.3}, {"max", 0.1 * (1 + dice.below(3))}});
    case 9:
      return apply1("softplus", {a}, {{"beta", 1.5}, {"threshold", 0.25 * dice.below(3)}});
    case 10:
      return a.shape() == b.shape() ? sub(a, b, {{"alpha", 0.5}}) : apply1("hardtanh", {a});
    default:
      return a.rank() > 0 ? apply("sort", {a})[0] : abs(a);
  }
}

Value grow(Dice& dice, const std::vector<Value>& pool, const RandomGraphOptions& options) {
  const Value a = pick(dice, pool), b = pick(dice, pool);
  if (options.all_kinds && dice.below(2) == 0) return grow_other(dice, a, b);
  switch (dice.below(12)) {
    case 0:
      return tanh(a);
    case 1:
      return relu(a);
    case 2:
      return sin(a) + 0.25;
    case 3:
      return a.shape() == b.shape() ? a + b : a * a;
    case 4:
      return a.shape() == b.shape() ? a * b : sigmoid(a);
    case 5:
      return maximum(a, a.graph().scalar(0.1, DType::f64));
    case 6:
      return a.rank() > 0 ? a - mean(a, {-1}, true) : -a;
    case 7:
      return a.rank() > 0 ? apply1("softmax", {a}, {{"dim", -1}}) : exp(a);
    case 8:
      return options.views ? reshape(a, {a.shape().numel()}) : a * 0.5;
    case 9:
      return a.rank() == 2 ? transpose(a, 0, 1) : a * 2.0;
    case 10:
      return where(a > 0.0, a, tanh(a));
    default:
      return a.rank() == 2 ? a + sum(a, {0}, true) : square(a);
  }
}

TensorMap random_tensors(const Graph& graph, const std::vector<int>& nodes, uint64_t seed) {
  TensorMap tensors;
  for (int index : nodes) {
    const Node& node = graph.node(index);
    Tensor tensor(DType::f64, node.outputs[0].shape);
    const PhiloxKey key = philox_key({seed, 0, 0}, path_id(node.name));
    for (int64_t i = 0; i < tensor.numel(); ++i)
      tensor.data_as<double>()[i] =
          2.0 * uniform_float(philox_word(key, static_cast<uint64_t>(i))) - 1.0;
    tensors[node.name] = tensor.cast(node.outputs[0].dtype);
  }
  return tensors;
}

}  // namespace

std::unique_ptr<Graph> random_graph(uint64_t seed, const RandomGraphOptions& options) {
  register_all_ops();
  Dice dice(seed);
  auto graph = std::make_unique<Graph>();
  // A seventh of the graphs has values of several tiles of the fused loops, and more than one
  // chunk.
  const bool large = seed % 7 == 6;
  const int64_t m = large ? 37 : 3, n = large ? 61 : 5;
  const Shape shapes[] = {{m, n}, {n, m}, {m * n}, {}};
  std::vector<Value> pool, states;
  for (int i = 0; i < 3; ++i)
    pool.push_back(graph->input("x" + std::to_string(i), DType::f64, shapes[dice.below(4)]));
  for (int i = 0; i < 3; ++i) {
    states.push_back(graph->state("s" + std::to_string(i), DType::f64, shapes[dice.below(4)]));
    pool.push_back(states.back());
  }
  for (int i = 0; i < options.nodes; ++i) pool.push_back(grow(dice, pool, options));
  for (int i = 0; i < 3; ++i)
    graph->output(
        "y" + std::to_string(i),
        pool[pool.size() - 1 - static_cast<size_t>(dice.below(static_cast<int>(pool.size())))]);
  if (!options.updates) return graph;
  for (const Value& state : states) {
    if (dice.below(4) == 0) continue;
    // Either any value of the shape, the state of another name included, or a step from the old
    // version.
    std::vector<Value> fitting;
    for (const Value& value : pool)
      if (value.spec() == state.spec()) fitting.push_back(value);
    const Value from = fitting[static_cast<size_t>(dice.below(static_cast<int>(fitting.size())))];
    graph->update(state, dice.below(2) == 0 ? from : state + from * 0.5);
  }
  return graph;
}

TensorMap random_inputs(const Graph& graph, uint64_t seed) {
  return random_tensors(graph, graph.inputs(), seed);
}

TensorMap random_states(const Graph& graph, uint64_t seed) {
  return random_tensors(graph, graph.states(), seed + 1);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.bytes() == 0 || std::memcmp(a.data(), b.data(), static_cast<size_t>(a.bytes())) == 0);
}

}  // namespace gradus::testing
