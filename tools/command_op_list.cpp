// SPDX-License-Identifier: Apache-2.0
// `gradus op list` and `gradus op show`: what the ops are.
#include <cmath>
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "engine/op/registry.h"
#include "tools/op_commands.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

std::string_view kind_name(InputKind kind) {
  switch (kind) {
    case InputKind::required:
      return "required";
    case InputKind::optional:
      return "optional";
    case InputKind::variadic:
      return "variadic";
  }
  return "?";
}

// JSON has no infinities; they are written as the texts that `op run` takes.
Json real_json(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json value_json(const AttrValue& value) {
  if (const bool* v = value.as<bool>()) return *v;
  if (const int64_t* v = value.as<int64_t>()) return *v;
  if (const double* v = value.as<double>()) return real_json(*v);
  if (const std::string* v = value.as<std::string>()) return *v;
  if (const auto* v = value.as<AttrValue::Integers>()) return *v;
  Json list = Json::array();
  if (const auto* v = value.as<AttrValue::Reals>()) {
    for (double item : *v) list.push_back(real_json(item));
    return list;
  }
  return nullptr;
}

std::vector<std::string_view> dtype_names(DTypeSet set) {
  std::vector<std::string_view> names;
  for (int i = 0; i < dtype_count; ++i)
    if (contains(set, static_cast<DType>(i))) names.push_back(dtype_name(static_cast<DType>(i)));
  return names;
}

std::vector<std::string_view> device_names(const OpDef& op) {
  std::vector<std::string_view> names;
  // Composites and views need no kernel of their own.
  if (op.composite || op.view || !op.cpu.empty()) names.push_back("cpu");
  if (op.composite || op.view || !op.cuda.empty()) names.push_back("cuda");
  return names;
}

std::string_view gradient_text(const OpDef& op) {
  return op.grad || op.composite ? "yes" : op.no_grad.empty() ? "none" : op.no_grad;
}

Json op_json(const OpDef& op) {
  Json inputs = Json::array(), attributes = Json::array();
  for (const InputSpec& input : op.inputs)
    inputs.push_back({{"name", input.name},
                      {"kind", kind_name(input.kind)},
                      {"differentiable", input.differentiable}});
  for (const AttrSpec& attribute : op.attributes)
    attributes.push_back({{"name", attribute.name},
                          {"type", attr_type_name(attribute.type)},
                          {"default", value_json(attribute.default_value)},
                          {"required", attribute.required}});
  std::vector<std::string_view> variants;
  for (const KernelVariant& variant : op.cpu) variants.push_back(variant.name);
  return {{"name", op.name},
          {"doc", op.doc},
          {"inputs", inputs},
          {"outputs", op.outputs},
          {"attributes", attributes},
          {"dtypes", dtype_names(op.dtypes)},
          {"devices", device_names(op)},
          {"variants", {{"cpu", variants}}},
          {"gradient", gradient_text(op)},
          {"composite", op.composite != nullptr},
          {"random", op.random},
          {"tolerance", op.tolerance},
          {"samples", op.samples().size()}};
}

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

// "softmax(input, *, dim)".
std::string signature(const OpDef& op) {
  std::string text = std::string(op.name) + "(";
  bool first = true;
  const auto add = [&](const std::string& part) {
    text += (first ? "" : ", ") + part;
    first = false;
  };
  for (const InputSpec& input : op.inputs)
    add(std::string(input.name) + (input.kind == InputKind::optional   ? "?"
                                   : input.kind == InputKind::variadic ? "..."
                                                                       : ""));
  if (!op.attributes.empty()) add("*");
  for (const AttrSpec& attribute : op.attributes)
    add(attribute.required
            ? std::string(attribute.name)
            : fmt::format("{}={}", attribute.name, to_string(attribute.default_value)));
  return text + ")";
}

int run_list(bool json) {
  if (json) {
    Json list = Json::array();
    for (const OpDef& op : all_ops()) list.push_back(op_json(op));
    fmt::print("{}\n", list.dump());
    return exit_success;
  }
  for (const OpDef& op : all_ops()) fmt::print("{:<32} {}\n", op.name, op.doc);
  return exit_success;
}

int run_show(const std::string& name, bool json) {
  const OpDef& op = get_op(name);
  if (json) {
    fmt::print("{}\n", op_json(op).dump());
    return exit_success;
  }
  fmt::print("{}\n  {}\n", signature(op), op.doc);
  for (size_t i = 0; i < op.inputs.size(); ++i)
    fmt::print("  input {} '{}': {}{}\n", i, op.inputs[i].name, kind_name(op.inputs[i].kind),
               op.inputs[i].differentiable ? "" : ", not differentiable");
  for (const AttrSpec& attribute : op.attributes)
    fmt::print("  attribute '{}': {}{}\n", attribute.name, attr_type_name(attribute.type),
               attribute.required
                   ? std::string(", required")
                   : fmt::format(", default {}", to_string(attribute.default_value)));
  fmt::print("  outputs: {}\n  dtypes: {}\n  devices: {}\n  gradient: {}\n", join(op.outputs),
             join(dtype_names(op.dtypes)), join(device_names(op)), gradient_text(op));
  for (const KernelVariant& variant : op.cpu) fmt::print("  cpu variant: {}\n", variant.name);
  return exit_success;
}

struct ShowOptions {
  std::string name;
  bool json = false;
};

}  // namespace

Command op_list_command() {
  const auto json = std::make_shared<bool>(false);
  return {"list",
          "List all ops",
          {{"--json", "One JSON array with inputs, attributes, dtypes and devices", json.get()}},
          [json] { return run_list(*json); }};
}

Command op_show_command() {
  const auto options = std::make_shared<ShowOptions>();
  return {"show",
          "Show one op: inputs, attributes with defaults, dtypes, variants",
          {{"NAME", "The op", &options->name, true}, {"--json", "As JSON", &options->json}},
          [options] { return run_show(options->name, options->json); }};
}

}  // namespace gradus
