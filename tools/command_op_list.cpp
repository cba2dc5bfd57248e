// SPDX-License-Identifier: Apache-2.0
// `gradus op list` and `gradus op show`: what the ops are.
#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "engine/op/registry.h"
#include "tools/op_case.h"
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

bool runs_on(const OpDef& op, std::vector<KernelVariant> OpDef::*kernels) {
  if (op.view)  // on whatever device this build has kernels for
    return std::ranges::any_of(all_ops(), [&](const OpDef& o) { return !(o.*kernels).empty(); });
  return !(op.*kernels).empty();
}

// A sample's call, of tensors without contents.
OpCase case_of(const OpDef& op, const Sample& sample) {
  OpCase op_case{&op, sample.attrs};
  for (const SampleInput& input : sample.inputs)
    op_case.inputs.push_back(input.present ? Tensor(input.dtype, input.shape) : Tensor());
  return op_case;
}

// A composite runs where all of its parts do, judged by its first sample.
std::vector<std::string_view> device_names(const OpDef& op) {
  std::vector<const OpDef*> parts = {&op};
  std::unique_ptr<OpGraph> graph;
  if (op.composite) {
    parts.clear();
    graph = std::make_unique<OpGraph>(case_of(op, op.samples().front()));
    for (const Node& node : graph->graph().nodes())
      if (node.kind == NodeKind::op) parts.push_back(node.op);
  }
  const auto all_run_on = [&](std::vector<KernelVariant> OpDef::*kernels) {
    return std::ranges::all_of(parts, [&](const OpDef* part) { return runs_on(*part, kernels); });
  };
  std::vector<std::string_view> names;
  if (all_run_on(&OpDef::cpu)) names.push_back("cpu");
  if (all_run_on(&OpDef::cuda)) names.push_back("cuda");
  return names;
}

std::string_view gradient_text(const OpDef& op) {
  return op.grad || op.composite ? "yes" : op.no_grad.empty() ? "none" : op.no_grad;
}

std::vector<std::string_view> variant_names(const std::vector<KernelVariant>& variants) {
  std::vector<std::string_view> names;
  for (const KernelVariant& variant : variants) names.push_back(variant.name);
  return names;
}

std::string_view autocast_name(AutocastClass autocast) {
  switch (autocast) {
    case AutocastClass::follow:
      return "follow";
    case AutocastClass::low_precision:
      return "low_precision";
    case AutocastClass::full_precision:
      return "full_precision";
  }
  return "?";
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

// Of an alias or a state; the last names of a list stand for all that follow.
std::string_view output_name(const OpDef& op, const Alias& pair) {
  return op.outputs[std::min(static_cast<size_t>(pair.output), op.outputs.size() - 1)];
}
std::string_view input_name(const OpDef& op, const Alias& pair) {
  return op.inputs[std::min(static_cast<size_t>(pair.input), op.inputs.size() - 1)].name;
}

// Pairs of an output and the input whose memory it takes or whose next version it is.
Json pairs_json(const OpDef& op, const std::vector<Alias>& pairs) {
  Json list = Json::array();
  for (const Alias& pair : pairs) {
    const Json entry = {{"output", output_name(op, pair)}, {"input", input_name(op, pair)}};
    if (std::ranges::find(list, entry) == list.end()) list.push_back(entry);
  }
  return list;
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
  return {{"name", op.name},
          {"signature", signature(op)},
          {"doc", op.doc},
          {"inputs", inputs},
          {"outputs", op.outputs},
          {"attributes", attributes},
          {"dtypes", dtype_names(op.dtypes)},
          {"devices", device_names(op)},
          {"variants", {{"cpu", variant_names(op.cpu)}, {"cuda", variant_names(op.cuda)}}},
          {"gradient", gradient_text(op)},
          {"composite", op.composite != nullptr},
          {"view", op.view},
          {"random", op.random},
          {"in_place", pairs_json(op, op.aliases)},
          {"updates", pairs_json(op, op.state)},
          {"autocast", autocast_name(op.autocast)},
          {"tolerance", op.tolerance},
          {"samples", op.samples().size()}};
}

// The calls that tests and benchmarks make, which are examples of use too.
void print_samples(const OpDef& op) {
  for (const Sample& sample : op.samples())
    fmt::print("  {}: {}\n", sample.bench ? "benchmark" : "sample", describe(case_of(op, sample)));
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
  if (op.composite) fmt::print("  made of other ops\n");
  if (op.view) fmt::print("  a view: no memory of its own\n");
  if (op.random) fmt::print("  random: by the run's seed, its step and the node's place\n");
  for (const Alias& pair : op.aliases)
    fmt::print("  output '{}' may take the memory of input '{}'\n", output_name(op, pair),
               input_name(op, pair));
  for (const Alias& pair : op.state)
    fmt::print("  output '{}' is the next version of state '{}'\n", output_name(op, pair),
               input_name(op, pair));
  fmt::print("  autocast: {}\n  tolerance: {:g} (f32 against f64)\n", autocast_name(op.autocast),
             op.tolerance);
  for (const KernelVariant& variant : op.cpu) fmt::print("  cpu variant: {}\n", variant.name);
  for (const KernelVariant& variant : op.cuda) fmt::print("  cuda variant: {}\n", variant.name);
  print_samples(op);
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
