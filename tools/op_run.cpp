// SPDX-License-Identifier: Apache-2.0
#include "tools/op_run.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

using Json = nlohmann::json;
constexpr std::string_view seed_prefix = "grad_output.";

// Parses an object and refuses a key that occurs twice, which the library would drop silently.
Json parse_object(std::string_view op, std::string_view text) {
  std::set<std::string> keys;
  std::string twice;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !keys.insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return depth <= 2;  // deeper values become null, and are refused as such
  };
  const Json object = Json::parse(text, watch, false);
  GRADUS_CHECK(!object.is_discarded() && object.is_object(),
               "[{}] attributes, expected a JSON object such as {{\"dim\": -1}}, got '{}'", op,
               text.substr(0, 200));
  GRADUS_CHECK(twice.empty(), "[{}] attribute '{}' is given twice", op, twice);
  return object;
}

std::optional<double> special_number(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

bool is_int64(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() ||
          value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
}

// [null, 3]: PyTorch's None within the sizes of adaptive pooling.
std::optional<AttrValue> sizes_with_none(const Json& value) {
  AttrValue::Integers sizes;
  for (const Json& item : value) {
    if (!item.is_null() && (!is_int64(item) || item.get<int64_t>() == same_size))
      return std::nullopt;
    sizes.push_back(item.is_null() ? same_size : item.get<int64_t>());
  }
  return AttrValue(sizes);
}

// None where the value has no attribute type; the caller names it.
std::optional<AttrValue> attribute_value(const Json& value, bool wants_number) {
  if (value.is_null()) return AttrValue::none();
  if (value.is_boolean()) return AttrValue(value.get<bool>());
  if (is_int64(value)) return AttrValue(value.get<int64_t>());
  if (value.is_number()) return AttrValue(value.get<double>());
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (const auto number = special_number(text); number && wants_number) return AttrValue(*number);
    return AttrValue(text);
  }
  if (!value.is_array()) return std::nullopt;
  if (std::ranges::all_of(value, is_int64)) return AttrValue(value.get<AttrValue::Integers>());
  if (std::ranges::all_of(value, [](const Json& item) { return item.is_number(); }))
    return AttrValue(value.get<AttrValue::Reals>());
  return std::nullopt;
}

// The M of "M" or "grad_output.M"; none where that is not a small plain number.
std::optional<size_t> position_of(std::string_view name) {
  size_t position = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), position);
  const bool plain = error == std::errc() && end == name.data() + name.size() &&
                     (name.size() == 1 || name[0] != '0');
  return plain ? std::optional(position) : std::nullopt;
}

// The input tensors in argument order.
std::vector<Tensor> ordered_inputs(const OpRequest& request) {
  const OpDef& op = *request.op;
  const bool variadic = !op.inputs.empty() && op.inputs.back().kind == InputKind::variadic;
  // A gap among variadic inputs is refused later, so there are at most so many.
  const size_t most = op.inputs.size() + (variadic ? request.tensors.size() : 0);
  std::vector<Tensor> inputs;
  for (const auto& [name, tensor] : request.tensors) {
    if (name.starts_with(seed_prefix)) continue;
    const std::optional<size_t> position = position_of(name);
    GRADUS_CHECK(position && *position < most,
                 "[{}] tensor '{}' is no input; they are named 0 to {} in argument order, and "
                 "grad_output.M",
                 op.name, name, most == 0 ? 0 : most - 1);
    if (inputs.size() <= *position) inputs.resize(*position + 1);
    inputs[*position] = tensor.to(*request.device);
  }
  return inputs;
}

// Adds grad_output.M: what the request gives, or ones; zeros for what PyTorch does not return.
void add_seeds(const OpRequest& request, const OpGraph& graph, TensorMap& inputs) {
  // By declared position: a call may leave the extra outputs away.
  const size_t extra = static_cast<size_t>(request.op->extra_outputs);
  const size_t returned = extra == 0 ? graph.outputs().size() : request.op->outputs.size() - extra;
  for (size_t output : graph.floating_outputs()) {
    const std::string name = fmt::format("{}{}", seed_prefix, output);
    const TensorSpec& spec = graph.outputs()[output].spec();
    const auto given = request.tensors.find(name);
    const Tensor seed = given != request.tensors.end()
                            ? given->second
                            : Tensor::full(spec.dtype, spec.shape, output < returned ? 1.0 : 0.0);
    inputs[name] = seed.to(*request.device);
  }
}

// one_hot without num_classes: as many as the data asks for, which no graph can, since its shapes
// stand before its data.
AttrList with_class_count(const OpRequest& request, const std::vector<Tensor>& inputs) {
  AttrList attrs = request.attrs;
  if (request.op->name != "one_hot" || inputs.empty() || !inputs[0]) return attrs;
  const Attrs all("one_hot", request.op->attributes, attrs);
  if (all.integer("num_classes") != -1 || !contains(request.op->dtypes, inputs[0].dtype()))
    return attrs;
  const Tensor labels = inputs[0].to(cpu_device()).cast(DType::i64);
  GRADUS_CHECK(labels.numel() > 0, "[one_hot] without elements, expected 'num_classes'");
  const std::span<const int64_t> values(labels.data_as<int64_t>(),
                                        static_cast<size_t>(labels.numel()));
  const int64_t largest = std::ranges::max(values);
  GRADUS_CHECK(largest < std::numeric_limits<int32_t>::max(),
               "[one_hot] a class, expected below 2^31 - 1, got {}", largest);
  std::erase_if(attrs, [](const NamedAttr& attr) { return attr.first == "num_classes"; });
  attrs.emplace_back("num_classes", std::max<int64_t>(largest + 1, 0));
  return attrs;
}

void check_seed_names(const OpRequest& request, const OpGraph& graph) {
  for (const auto& [name, tensor] : request.tensors) {
    if (!name.starts_with(seed_prefix)) continue;
    const auto output = position_of(std::string_view(name).substr(seed_prefix.size()));
    const auto& floating = graph.floating_outputs();
    GRADUS_CHECK(output && std::ranges::find(floating, *output) != floating.end(),
                 "[{}] tensor '{}' belongs to no floating output of the {}", request.op->name, name,
                 graph.outputs().size());
  }
}

}  // namespace

AttrList attributes_from_json(const OpDef& op, std::string_view json) {
  const Json object = parse_object(op.name, json);
  AttrList list;
  for (auto item = object.begin(); item != object.end(); ++item) {
    const auto spec = std::ranges::find(op.attributes, item.key(), &AttrSpec::name);
    const bool number = spec != op.attributes.end() &&
                        (spec->type == AttrType::real || spec->type == AttrType::reals);
    const bool sizes = item.key() == "output_size" && item->is_array();
    const std::optional<AttrValue> value =
        sizes ? sizes_with_none(*item) : attribute_value(*item, number);
    GRADUS_CHECK(value.has_value(), "[{}] attribute '{}', {} is no value of an attribute", op.name,
                 item.key(), item->dump());
    list.emplace_back(item.key(), *value);
  }
  (void)Attrs(op.name, op.attributes, list);  // refuses unknown names and wrong types
  // The names must outlive the JSON.
  for (auto& [name, value] : list)
    name = std::ranges::find(op.attributes, name, &AttrSpec::name)->name;
  return list;
}

NamedTensors run_request(const OpRequest& request) {
  const std::vector<Tensor> given = ordered_inputs(request);
  const OpCase op_case{request.op, with_class_count(request, given), given};
  const OpGraph graph(op_case, request.gradient ? 1 : 0);
  check_seed_names(request, graph);
  TensorMap inputs = named_inputs(op_case);
  if (request.gradient) add_seeds(request, graph, inputs);
  StepwiseOptions options;
  options.device = request.device;
  options.rng.seed = request.seed;
  NamedTensors results = graph.run(inputs, options);
  if (!request.gradient) return results;
  for (size_t i : graph.differentiable()) {
    const Tensor& input = op_case.inputs[i];
    const std::string name = fmt::format("grad.{}", i);
    if (!results.contains(name)) results[name] = Tensor::zeros(input.dtype(), input.shape());
  }
  return results;
}

}  // namespace gradus
