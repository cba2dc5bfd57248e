// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/graph.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "engine/graph/grad_args.h"
#include "engine/op/core_ops.h"
#include "engine/op/registry.h"

namespace gradus {
namespace {

constexpr std::string_view rng_path_attr = "rng_path";

// Checks how many inputs there are and which are absent; gives one entry per InputSpec.
std::vector<Value> check_inputs(const OpDef& op, std::vector<Value> inputs) {
  const bool variadic = !op.inputs.empty() && op.inputs.back().kind == InputKind::variadic;
  GRADUS_CHECK(inputs.size() <= op.inputs.size() || variadic,
               "[{}] expected at most {} inputs, got {}", op.name, op.inputs.size(), inputs.size());
  if (inputs.size() < op.inputs.size()) inputs.resize(op.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const InputSpec& spec = op.inputs[std::min(i, op.inputs.size() - 1)];
    GRADUS_CHECK(inputs[i] || spec.kind == InputKind::optional, "[{}] input {} ('{}') is missing",
                 op.name, i, spec.name);
  }
  return inputs;
}

void check_dtype(const OpDef& op, std::span<const TensorSpec> specs) {
  if (specs.empty() || !specs[0].present || contains(op.dtypes, specs[0].dtype)) return;
  std::string names;
  for (int i = 0; i < dtype_count; ++i)
    if (contains(op.dtypes, static_cast<DType>(i)))
      names += fmt::format("{}{}", names.empty() ? "" : ", ", dtype_name(static_cast<DType>(i)));
  failf(ErrorKind::invalid_argument, op.name, "input 0 ('{}') dtype, expected one of {}, got {}",
        op.inputs[0].name, names, dtype_name(specs[0].dtype));
}

// Runs a function of an op. Its errors name the op that was asked for, also those that a part of a
// composite or the arithmetic of shapes found.
template <class Function>
auto naming(const OpDef& op, const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    const std::string name = fmt::format("[{}]", op.name);
    if (std::string_view(error.what()).find(name) != std::string_view::npos) throw;
    throw Error(error.kind(), fmt::format("{} {}", name, error.what()));
  }
}

}  // namespace

const TensorSpec& Value::spec() const {
  GRADUS_ASSERT(graph_ != nullptr, "a null value has no spec");
  return graph_->spec({node_, output_});
}

std::vector<Value> apply(std::string_view op, const std::vector<Value>& inputs,
                         const AttrList& attrs) {
  const auto owner =
      std::ranges::find_if(inputs, [](const Value& v) { return static_cast<bool>(v); });
  const OpDef& def = get_op(op);
  GRADUS_CHECK(owner != inputs.end(), "[{}] needs at least one input", op);
  return owner->graph().apply(def, inputs, attrs);
}

Value apply1(std::string_view op, const std::vector<Value>& inputs, const AttrList& attrs) {
  return apply(op, inputs, attrs)[0];
}

Value GradArgs::dout_or_zeros(size_t output) const {
  if (dout[output]) return dout[output];
  const Value& value = out[output];
  return value.graph().full(value.shape(), 0.0, value.dtype());
}

int Graph::push(Node node) {
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

Value Graph::input(std::string_view name, DType dtype, const Shape& shape) {
  for (int index : inputs_)
    GRADUS_CHECK(node(index).name != name, "the graph has an input '{}' already", name);
  Node node;
  node.kind = NodeKind::input;
  node.name = name;
  node.outputs = {{dtype, shape}};
  inputs_.push_back(push(std::move(node)));
  return {*this, inputs_.back(), 0};
}

Value Graph::state(std::string_view name, DType dtype, const Shape& shape) {
  const std::string full_name = scope_ + std::string(name);
  const TensorSpec spec{dtype, shape};
  for (int index : states_) {
    if (node(index).name != full_name) continue;
    GRADUS_CHECK(node(index).outputs[0] == spec, "state '{}' is {} already, not {}", full_name,
                 to_string(node(index).outputs[0]), to_string(spec));
    return {*this, index, 0};
  }
  Node node;
  node.kind = NodeKind::state;
  node.name = full_name;
  node.outputs = {spec};
  states_.push_back(push(std::move(node)));
  return {*this, states_.back(), 0};
}

Value Graph::constant(const Tensor& tensor) {
  Node node;
  node.kind = NodeKind::constant;
  node.constant = tensor;
  node.outputs = {{tensor.dtype(), tensor.shape()}};
  return {*this, push(std::move(node)), 0};
}

Value Graph::full(const Shape& shape, double value, DType dtype) {
  return apply(get_op(core_op::full), {},
               {{"size", shape}, {"fill_value", value}, {"dtype", dtype}})[0];
}

void Graph::update(Value state, Value next) {
  GRADUS_CHECK(node(state.node()).kind == NodeKind::state, "'{}' is not a state",
               node(state.node()).name);
  update(node(state.node()).name, next);
}

void Graph::update(std::string_view state, Value next) {
  const auto target =
      std::ranges::find_if(states_, [&](int index) { return node(index).name == state; });
  GRADUS_CHECK(target != states_.end(), "there is no state '{}' to update", state);
  const TensorSpec& spec = node(*target).outputs[0];
  GRADUS_CHECK(spec == next.spec(), "state '{}' is {}, its update is {}", state, to_string(spec),
               to_string(next.spec()));
  for (const NamedValue& known : updates_)
    GRADUS_CHECK(known.name != state, "state '{}' is updated twice", state);
  updates_.push_back({std::string(state), ref(next)});
}

void Graph::output(std::string_view name, Value value) {
  for (const NamedValue& known : outputs_)
    GRADUS_CHECK(known.name != name, "the graph has an output '{}' already", name);
  outputs_.push_back({std::string(name), ref(value)});
}

std::vector<Value> Graph::apply(const OpDef& op, const std::vector<Value>& given,
                                const AttrList& attrs) {
  const std::vector<Value> inputs = check_inputs(op, given);
  Node node;
  std::vector<TensorSpec> specs;
  for (const Value& input : inputs) {
    GRADUS_ASSERT(!input || &input.graph() == this, "[{}] an input belongs to another graph",
                  op.name);
    node.inputs.push_back(ref(input));
    specs.push_back(input ? input.spec() : TensorSpec::absent());
  }
  node.op = &op;
  node.attrs = Attrs(op.name, op.attributes, attrs);
  node.name = scope_ + std::string(op.name);
  check_dtype(op, specs);
  const auto infer = [&] {
    std::vector<TensorSpec> outputs = op.infer({op.name, specs, node.attrs});
    for (const TensorSpec& output : outputs)
      if (output.present) (void)output.bytes();  // throws where the size overflows
    return outputs;
  };
  if (op.composite) {
    if (op.infer) (void)naming(op, infer);
    return naming(op, [&] { return op.composite(inputs, node.attrs); });
  }
  if (op.random && node.attrs.integer(rng_path_attr) == 0) {
    AttrList with_path(node.attrs.all().begin(), node.attrs.all().end());
    for (NamedAttr& attr : with_path)
      if (attr.first == rng_path_attr)
        attr.second =
            static_cast<int64_t>(path_id(fmt::format("{}#{}", node.name, random_nodes_++)));
    node.attrs = Attrs(op.name, op.attributes, with_path);
  }
  node.outputs = naming(op, infer);
  return append(std::move(node));
}

std::vector<Value> Graph::append(Node node) {
  const int count = static_cast<int>(node.outputs.size());
  const int index = push(std::move(node));
  if (nodes_.back().kind == NodeKind::input) inputs_.push_back(index);
  if (nodes_.back().kind == NodeKind::state) states_.push_back(index);
  std::vector<Value> values;
  for (int output = 0; output < count; ++output) values.emplace_back(*this, index, output);
  return values;
}

const TensorSpec& Graph::spec(ValueRef ref) const {
  return node(ref.node).outputs[static_cast<size_t>(ref.output)];
}

Graph::Scope::Scope(Graph& graph, std::string_view name)
    : graph_(graph), length_(graph.scope_.size()) {
  graph_.scope_ += std::string(name) + ".";
}

Graph::Scope::~Scope() { graph_.scope_.resize(length_); }

}  // namespace gradus
