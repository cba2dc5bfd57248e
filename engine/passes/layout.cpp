// SPDX-License-Identifier: Apache-2.0
// Channels-last activations. A convolution starts a region; pointwise ops, norms, pools and sums
// that read a value of it go on in it. Each old value has up to two forms in the new graph, plain
// and channels-last, and the missing one is made where a reader asks for it.
#include <algorithm>
#include <array>

#include "engine/base/error.h"
#include "engine/op/core_ops.h"
#include "engine/passes/passes.h"

namespace gradus {
namespace {

// An op with the attribute `channels_last`: which inputs and outputs it concerns (bit masks), and
// whether it is worth moving its inputs for.
struct Rule {
  std::string_view op;
  unsigned inputs, outputs;
  bool starts = false;
};
constexpr std::array rules{
    Rule{"convolution", 0b1, 0b1, true},
    Rule{"convolution_backward_input", 0b1, 0b1, true},
    Rule{"convolution_backward_weight", 0b11, 0b0, true},
    Rule{"batch_norm", 0b1, 0b1},
    Rule{"batch_norm_backward", 0b11, 0b1},
    Rule{"batch_norm_relu", 0b1, 0b1},
    Rule{"batch_norm_relu_backward", 0b11, 0b1},
    Rule{"max_pool", 0b1, 0b11},
    Rule{"max_pool_backward", 0b11, 0b1},
    Rule{"adaptive_max_pool", 0b1, 0b11},
    Rule{"avg_pool", 0b1, 0b1},
    Rule{"avg_pool_backward", 0b1, 0b1},
    Rule{"adaptive_avg_pool", 0b1, 0b1},
    Rule{"adaptive_avg_pool_backward", 0b1, 0b1},
};

const Rule* rule_of(const Node& node) {
  const auto found = std::ranges::find(rules, node.op->name, &Rule::op);
  return found == rules.end() ? nullptr : &*found;
}

bool in(unsigned mask, size_t i) { return (mask >> i & 1u) != 0; }

int64_t spatial_size(const Shape& plain) { return plain.product(2, plain.rank()); }

// (n, c, spatial...) as (n, spatial..., c), and back.
Shape last_shape(const Shape& plain) {
  Shape shape{plain[0]};
  for (int d = 2; d < plain.rank(); ++d) shape.push_back(plain[d]);
  shape.push_back(plain[1]);
  return shape;
}

Value reshaped(Value value, const Shape& shape) {
  return value.shape() == shape ? value : apply1(core_op::reshape, {value}, {{"shape", shape}});
}

Value to_last(Value plain) {
  const Shape& shape = plain.shape();
  if (shape[1] == 1 || spatial_size(shape) == 1) return reshaped(plain, last_shape(shape));
  AttrValue::Integers dims{0};
  for (int d = 2; d < shape.rank(); ++d) dims.push_back(d);
  dims.push_back(1);
  return apply1(core_op::permute, {plain}, {{"dims", dims}});
}

Value to_plain(Value last, const Shape& plain) {
  if (plain[1] == 1 || spatial_size(plain) == 1) return reshaped(last, plain);
  AttrValue::Integers dims{0, plain.rank() - 1};
  for (int d = 1; d < plain.rank() - 1; ++d) dims.push_back(d);
  return apply1(core_op::permute, {last}, {{"dims", dims}});
}

AttrList with(const Attrs& attrs, std::string_view name, const AttrValue& value) {
  AttrList list = attrs.all();
  for (NamedAttr& attr : list)
    if (attr.first == name) attr.second = value;
  return list;
}

class LayoutChooser {
 public:
  explicit LayoutChooser(const Graph& graph) : graph_(graph), rewriter_(graph) {}

  GraphPtr run() {
    for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i)
      if (!visit(i)) copy(i);
    for (const auto* list : {&graph_.outputs(), &graph_.updates()})
      for (const NamedValue& named : *list) make_plain(named.value);
    return rewriter_.finish();
  }

 private:
  bool has_last(ValueRef ref) const { return ref.present() && last_.contains(ref); }

  Value last(ValueRef ref) {
    const auto found = last_.find(ref);
    if (found != last_.end()) return found->second;
    return last_[ref] = to_last(rewriter_.mapped(ref));
  }

  void make_plain(ValueRef ref) {
    if (ref.present() && !rewriter_.has(ref))
      rewriter_.replace(ref, to_plain(last_.at(ref), graph_.spec(ref).shape));
  }
  Value plain(ValueRef ref) {
    make_plain(ref);
    return rewriter_.mapped(ref);
  }

  void copy(int i) {
    for (const ValueRef& input : graph_.node(i).inputs) make_plain(input);
    rewriter_.copy(i);
  }

  // Returns false where the node stays as it is.
  bool visit(int i) {
    const Node& node = graph_.node(i);
    if (node.kind != NodeKind::op) return false;
    if (const Rule* rule = rule_of(node)) return follow(i, *rule);
    if (node.op->pointwise != nullptr && node.outputs.size() == 1) return pointwise(i);
    if (node.op->name == core_op::sum || node.op->name == core_op::mean) return reduce(i);
    return false;
  }

  // The node's op on other inputs and attributes.
  std::vector<Value> emit(int i, const std::vector<Value>& inputs, const AttrList& attrs) {
    return rewriter_.emit(i, *graph_.node(i).op, inputs, attrs);
  }

  // The tuned channels-last kernels take whole channels in f32.
  bool worth_starting(const Node& node) const {
    const TensorSpec& first = graph_.spec(node.inputs[0]);
    return node.attrs.integer("groups") == 1 && first.dtype != DType::f64;
  }

  bool follow(int i, const Rule& rule) {
    const Node& node = graph_.node(i);
    if (node.attrs.boolean("channels_last") || graph_.spec(node.inputs[0]).shape.rank() < 3)
      return false;
    bool reads_last = false;
    for (size_t k = 0; k < node.inputs.size(); ++k)
      reads_last = reads_last || (in(rule.inputs, k) && has_last(node.inputs[k]));
    if (rule.starts ? !worth_starting(node) : !reads_last) return false;
    std::vector<Value> inputs;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueRef input = node.inputs[k];
      inputs.push_back(!input.present()     ? Value()
                       : in(rule.inputs, k) ? last(input)
                                            : plain(input));
    }
    const std::vector<Value> results = emit(i, inputs, with(node.attrs, "channels_last", true));
    for (int k = 0; k < static_cast<int>(results.size()); ++k)
      if (in(rule.outputs, static_cast<size_t>(k)))
        last_[{i, k}] = results[static_cast<size_t>(k)];
      else
        rewriter_.replace({i, k}, results[static_cast<size_t>(k)]);
    return true;
  }

  // An operand of an op whose result has `rank` dims, as it broadcasts there.
  Value operand_last(ValueRef ref, int rank) {
    const Shape& shape = graph_.spec(ref).shape;
    if (shape.rank() == rank) return last(ref);
    if (shape.rank() == 0) return plain(ref);
    Shape full;
    for (int d = shape.rank(); d < rank; ++d) full.push_back(1);
    for (int64_t size : shape) full.push_back(size);
    return to_last(reshaped(plain(ref), full));
  }

  bool pointwise(int i) {
    const Node& node = graph_.node(i);
    const Shape& shape = node.outputs[0].shape;
    if (shape.rank() < 3 || std::ranges::none_of(node.inputs, [&](ValueRef input) {
          return has_last(input) && graph_.spec(input).shape == shape;
        }))
      return false;
    std::vector<Value> inputs;
    for (const ValueRef& input : node.inputs)
      inputs.push_back(input.present() ? operand_last(input, shape.rank()) : Value());
    last_[{i, 0}] = emit(i, inputs, node.attrs.all())[0];
    return true;
  }

  bool reduce(int i) {
    const Node& node = graph_.node(i);
    if (!has_last(node.inputs[0])) return false;
    const int rank = graph_.spec(node.inputs[0]).shape.rank();
    const bool keepdim = node.attrs.boolean("keepdim"), all = !node.attrs.has("dim");
    AttrValue::Integers dims;
    bool channels = all;
    int spatial = all ? rank - 2 : 0;
    if (!all)
      for (int64_t dim : node.attrs.integers("dim")) {
        const int d = normalize_dim(dim, rank, node.op->name);
        channels = channels || d == 1;
        spatial += d >= 2;
        dims.push_back(d == 0 ? 0 : d == 1 ? rank - 1 : d - 1);
      }
    // Without keepdim the dims that are left must stand in the same order in both forms.
    if (!keepdim && !channels && spatial != rank - 2) return false;
    const AttrList attrs = all ? node.attrs.all() : with(node.attrs, "dim", dims);
    const Value result = emit(i, {last(node.inputs[0])}, attrs)[0];
    if (keepdim)
      last_[{i, 0}] = result;
    else
      rewriter_.replace({i, 0}, result);
    return true;
  }

  const Graph& graph_;
  Rewriter rewriter_;
  std::map<ValueRef, Value> last_;
};

}  // namespace

GraphPtr choose_layout(const Graph& graph) { return LayoutChooser(graph).run(); }

}  // namespace gradus
