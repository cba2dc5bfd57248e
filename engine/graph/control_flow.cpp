// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/control_flow.h"

#include "engine/base/error.h"

namespace gradus {
namespace {

std::vector<TensorSpec> specs_of(const std::vector<Value>& values) {
  std::vector<TensorSpec> specs;
  for (const Value& value : values) specs.push_back(value.spec());
  return specs;
}

std::vector<TensorSpec> output_specs(const Graph& body) {
  std::vector<TensorSpec> specs;
  for (const NamedValue& output : body.outputs()) specs.push_back(body.spec(output.value));
  return specs;
}

void expect(std::string_view what, const std::vector<TensorSpec>& got,
            const std::vector<TensorSpec>& wanted) {
  GRADUS_CHECK(got.size() == wanted.size(), "{}, expected {} values, got {}", what, wanted.size(),
               got.size());
  for (size_t i = 0; i < got.size(); ++i)
    GRADUS_CHECK(got[i] == wanted[i], "{} {}, expected {}, got {}", what, i, to_string(wanted[i]),
                 to_string(got[i]));
}

void check_body(std::string_view name, const Graph& body, const std::vector<TensorSpec>& inputs) {
  GRADUS_CHECK(body.states().empty() && body.updates().empty(), "[{}] a body has no states", name);
  std::vector<TensorSpec> own;
  for (int index : body.inputs()) own.push_back(body.node(index).outputs[0]);
  expect(fmt::format("[{}] body input", name), own, inputs);
}

void check_one_element(std::string_view what, Value value, DType dtype) {
  GRADUS_CHECK(value.dtype() == dtype && value.shape().numel() == 1,
               "{}, expected one element of {}, got {}", what, dtype_name(dtype),
               to_string(value.spec()));
}

std::vector<Value> append(Value first, NodeKind kind, std::string_view name,
                          const std::vector<Value>& inputs, std::vector<BodyPtr> bodies,
                          std::vector<TensorSpec> outputs, int64_t carried = 0) {
  Node node;
  node.kind = kind;
  node.name = first.graph().scope() + std::string(name);
  node.carried = carried;
  for (const Value& input : inputs) node.inputs.push_back(Graph::ref(input));
  node.subgraphs.assign(bodies.begin(), bodies.end());
  node.outputs = std::move(outputs);
  return first.graph().append(std::move(node));
}

void extend(std::vector<Value>& list, const std::vector<Value>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace

std::vector<Value> if_else(Value condition, const std::vector<Value>& captured, BodyPtr then_body,
                           BodyPtr else_body) {
  check_one_element("[if] condition", condition, DType::bool_);
  check_body("if", *then_body, specs_of(captured));
  check_body("if", *else_body, specs_of(captured));
  const std::vector<TensorSpec> outputs = output_specs(*then_body);
  expect("[if] output of the else body", output_specs(*else_body), outputs);
  std::vector<Value> inputs{condition};
  extend(inputs, captured);
  return append(condition, NodeKind::branch, "if", inputs, {then_body, else_body}, outputs);
}

std::vector<Value> loop(Value trip_count, Value condition, const std::vector<Value>& carried,
                        const std::vector<Value>& captured, BodyPtr body) {
  check_one_element("[loop] trip_count", trip_count, DType::i64);
  check_one_element("[loop] condition", condition, DType::bool_);
  std::vector<TensorSpec> wanted{{DType::i64, {}}};
  for (const auto* list : {&carried, &captured})
    for (const Value& value : *list) wanted.push_back(value.spec());
  check_body("loop", *body, wanted);
  std::vector<TensorSpec> results{{DType::bool_, {}}};
  for (const Value& value : carried) results.push_back(value.spec());
  expect("[loop] body output", output_specs(*body), results);
  std::vector<Value> inputs{trip_count, condition};
  extend(inputs, carried);
  extend(inputs, captured);
  return append(trip_count, NodeKind::loop, "loop", inputs, {body}, specs_of(carried),
                static_cast<int64_t>(carried.size()));
}

std::vector<Value> scan(const std::vector<Value>& carried, const std::vector<Value>& scanned,
                        const std::vector<Value>& captured, BodyPtr body) {
  GRADUS_CHECK(!scanned.empty() && scanned[0].rank() > 0,
               "[scan] expected something to scan, with a dim 0");
  const int64_t length = scanned[0].shape()[0];
  std::vector<TensorSpec> wanted = specs_of(carried);
  for (const Value& value : scanned) {
    GRADUS_CHECK(value.rank() > 0 && value.shape()[0] == length,
                 "[scan] expected dim 0 of size {}, got {}", length, to_string(value.spec()));
    TensorSpec slice = value.spec();
    slice.shape.erase(0);
    wanted.push_back(slice);
  }
  for (const Value& value : captured) wanted.push_back(value.spec());
  check_body("scan", *body, wanted);
  std::vector<TensorSpec> outputs = output_specs(*body);
  GRADUS_CHECK(outputs.size() >= carried.size(),
               "[scan] body outputs, expected at least {}, got {}", carried.size(), outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (i >= carried.size()) {
      outputs[i].shape.insert(0, length);
    } else {
      expect("[scan] carried value", {outputs[i]}, {carried[i].spec()});
    }
  }
  std::vector<Value> inputs = carried;
  extend(inputs, scanned);
  extend(inputs, captured);
  return append(scanned[0], NodeKind::scan, "scan", inputs, {body}, outputs,
                static_cast<int64_t>(carried.size()));
}

}  // namespace gradus
