// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/error.h"
#include "engine/graph/graph.h"

namespace gradus {
namespace {

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case NodeKind::input:
      return "input";
    case NodeKind::state:
      return "state";
    case NodeKind::constant:
      return "constant";
    case NodeKind::op:
      return node.op->name;
    case NodeKind::branch:
      return "if";
    case NodeKind::loop:
      return "loop";
    case NodeKind::scan:
      return "scan";
  }
  return "?";
}

std::string attributes_off_default(const Node& node) {
  std::string text;
  if (node.op == nullptr) return text;
  const Attrs& attrs = node.attrs;
  for (const AttrSpec& spec : node.op->attributes)
    if (!(attrs.find(spec.name) == spec.default_value))
      text += fmt::format(" {}={}", spec.name, to_string(attrs.find(spec.name)));
  return text;
}

std::string ref_text(const Graph& graph, ValueRef ref) {
  if (!ref.present()) return "-";
  if (graph.node(ref.node).outputs.size() == 1) return fmt::format("%{}", ref.node);
  return fmt::format("%{}.{}", ref.node, ref.output);
}

std::string outputs_text(const Node& node) {
  std::string text;
  for (const TensorSpec& spec : node.outputs)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", to_string(spec));
  return text;
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string text;
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    std::string inputs;
    for (const ValueRef& input : node.inputs) inputs += " " + ref_text(graph, input);
    text += fmt::format("%{} = {}{}{} : {}  # {}\n", i, kind_name(node), inputs,
                        attributes_off_default(node), outputs_text(node), node.name);
  }
  for (const NamedValue& update : graph.updates())
    text += fmt::format("update {} <- {}\n", update.name, ref_text(graph, update.value));
  for (const NamedValue& output : graph.outputs())
    text += fmt::format("output {} = {}\n", output.name, ref_text(graph, output.value));
  return text;
}

std::string to_dot(const Graph& graph) {
  std::string text = "digraph gradus {\n  node [shape=box, fontname=monospace];\n";
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    text += fmt::format("  n{} [label=\"{}\\n{}\\n{}\"];\n", i, kind_name(node), node.name,
                        outputs_text(node));
    for (const ValueRef& input : node.inputs)
      if (input.present()) text += fmt::format("  n{} -> n{};\n", input.node, i);
  }
  for (const NamedValue& output : graph.outputs())
    text += fmt::format("  \"{0}\" [shape=ellipse];\n  n{1} -> \"{0}\";\n", output.name,
                        output.value.node);
  return text + "}\n";
}

}  // namespace gradus
