// SPDX-License-Identifier: Apache-2.0
#include "ops/optimizer_step.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

// The dtype the rule computes in: reduced floats are converted to f32 around the kernel.
DType wide(DType dtype) { return is_reduced_float(dtype) ? DType::f32 : dtype; }

void check_array(const InferArgs& args, const StepLayout& layout, size_t input,
                 std::string_view name) {
  const TensorSpec &weight = args.in[0], &spec = args.in[input];
  const TensorSpec wanted{weight.dtype, layout.shape_of(name, weight.shape)};
  GRADUS_CHECK(spec.shape == wanted.shape && is_floating(spec.dtype) &&
                   wide(spec.dtype) == wide(weight.dtype),
               "[{}] input {} ('{}'), expected the weight's {}, got {}", args.op, input, name,
               to_string(wanted), to_string(spec));
}

void check_scalar(const InferArgs& args, size_t input, std::string_view name) {
  const TensorSpec& spec = args.in[input];
  const bool counts = name == "step" && spec.dtype == DType::i64;
  const bool tells = name == "skip" && spec.dtype == DType::bool_;
  GRADUS_CHECK(spec.numel() == 1 && (contains(float_types, spec.dtype) || counts || tells),
               "[{}] input {} ('{}'), expected one number, got {}", args.op, input, name,
               to_string(spec));
}

}  // namespace

Shape StepLayout::shape_of(std::string_view state, Shape weight) const {
  if (state == number) return {};
  if (state == row && weight.rank() >= 2) weight[weight.rank() - 1] = 1;
  if (state == column && weight.rank() >= 2) weight[weight.rank() - 2] = 1;
  return weight;
}

std::vector<InputSpec> step_inputs(const StepLayout& layout) {
  std::vector<InputSpec> inputs{{"weight"}, {"grad"}};
  inputs.insert(inputs.end(), layout.states.begin(), layout.states.end());
  inputs.push_back({"lr"});
  inputs.push_back({"step", layout.counts ? InputKind::required : InputKind::optional, false});
  inputs.push_back({"scale", InputKind::optional});
  inputs.push_back({"skip", InputKind::optional, false});
  inputs.insert(inputs.end(), layout.extras.begin(), layout.extras.end());
  return inputs;
}

std::vector<std::string_view> step_outputs(const StepLayout& layout) {
  const std::vector<InputSpec> inputs = step_inputs(layout);
  std::vector<std::string_view> names;
  for (size_t i = 0; i < layout.outputs(); ++i) names.push_back(inputs[layout.input_of(i)].name);
  return names;
}

std::vector<Alias> step_aliases(const StepLayout& layout) {
  std::vector<Alias> aliases;
  for (size_t i = 0; i < layout.outputs(); ++i)
    aliases.push_back({static_cast<int>(i), static_cast<int>(layout.input_of(i))});
  return aliases;
}

std::vector<TensorSpec> infer_step(const InferArgs& args, const StepLayout& layout) {
  const std::vector<InputSpec> inputs = step_inputs(layout);
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (!args.has(i)) continue;
    if ((i >= layout.lr() && i <= layout.skip()) || inputs[i].name == layout.number) {
      check_scalar(args, i, inputs[i].name);
    } else {
      check_array(args, layout, i, inputs[i].name);
    }
  }
  std::vector<TensorSpec> outputs;
  for (size_t i = 0; i < layout.outputs(); ++i) {
    const size_t input = layout.input_of(i);
    outputs.push_back(args.has(input) ? args.in[input] : TensorSpec::absent());
  }
  return outputs;
}

void check_state(const InferArgs& args, const StepLayout& layout, size_t input, bool wanted,
                 std::string_view because) {
  GRADUS_CHECK(args.has(input) == wanted, "[{}] input {} ('{}'), expected it to be {} as {}",
               args.op, input, step_inputs(layout)[input].name, wanted ? "present" : "absent",
               because);
}

void check_not_negative(const InferArgs& args, std::span<const std::string_view> attributes) {
  for (std::string_view name : attributes)
    GRADUS_CHECK(args.attrs.real(name) >= 0.0, "[{}] attribute '{}', expected at least 0, got {}",
                 args.op, name, args.attrs.real(name));
}

void check_fraction(const InferArgs& args, std::string_view attribute) {
  const double value = args.attrs.real(attribute);
  GRADUS_CHECK(value >= 0.0 && value < 1.0,
               "[{}] attribute '{}', expected at least 0 and below 1, got {}", args.op, attribute,
               value);
}

kernels::StepControl step_control(const RunArgs& args, const StepLayout& layout) {
  const auto scalar = [&](size_t position) {
    return args.has(position)
               ? kernels::DeviceScalar{args.in[position].data, args.in[position].dtype}
               : kernels::DeviceScalar{};
  };
  const size_t lr = layout.lr();
  return {scalar(lr), scalar(lr + 1), scalar(lr + 2), scalar(lr + 3)};
}

void* step_data(std::span<const TensorRef> refs, size_t position) {
  return position < refs.size() && refs[position].present ? refs[position].data : nullptr;
}

bool step_is_of_one_dtype(const KernelQuery& query) {
  return query.in[0].dtype == query.in[1].dtype;
}

bool step_is_f32(const KernelQuery& query) { return query.in[0].dtype == DType::f32; }

Cost step_cost(const KernelQuery& query) {
  return {10.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
}

Value step_scalar(std::span<const Value> in, size_t position) {
  return reshape(cast(in[position], DType::f64), {});
}

Value step_gradient(std::span<const Value> in, const Attrs& attrs, const StepLayout& layout,
                    bool decay) {
  Value g = cast(in[1], wide(in[0].dtype()));
  if (in[layout.lr() + 2]) g = g * step_scalar(in, layout.lr() + 2);
  if (attrs.boolean("maximize")) g = -g;
  const double weight_decay = attrs.real("weight_decay");
  if (decay && weight_decay != 0.0) g = g + weight_decay * cast(in[0], g.dtype());
  return g;
}

std::vector<Value> finish_step(std::span<const Value> in, const StepLayout& layout,
                               std::vector<Value> next) {
  const Value skip = in[layout.skip()];
  for (size_t i = 0; i < next.size(); ++i) {
    if (!next[i]) continue;
    const Value old = in[layout.input_of(i)];
    next[i] = reshape(cast(next[i], old.dtype()), old.shape());
    if (skip) next[i] = where(reshape(cast(skip, DType::bool_), {}), old, next[i]);
  }
  return next;
}

std::vector<SampleInput> step_sample(const StepLayout& layout, const Shape& shape,
                                     std::initializer_list<std::string_view> with, bool skipped) {
  std::vector<SampleInput> samples;
  const auto given = [&](std::string_view name) {
    return std::ranges::find(with, name) != with.end();
  };
  for (const InputSpec& input : step_inputs(layout)) {
    const std::string_view name = input.name;
    SampleInput sample{.shape = layout.shape_of(name, shape), .lo = 0.2, .hi = 1};
    if (name == "weight" || name == "grad" || name == "momentum_buffer") sample.lo = -1;
    if (name == "grad_avg") sample.hi = 0.3;  // its square stays below square_avg
    if (name == "lr") sample = {.shape = {}, .lo = 0.1, .hi = 0.11};
    if (name == "step") sample = {.shape = {}, .fill = Fill::integers, .lo = 3, .hi = 4};
    if (name == "scale") sample = {.shape = {}, .lo = 0.5, .hi = 0.6};
    if (name == "skip")
      sample = {.shape = {},
                .dtype = DType::bool_,
                .fill = Fill::integers,
                .lo = skipped ? 1.0 : 0.0,
                .hi = skipped ? 2.0 : 1.0};
    const bool optional = input.kind == InputKind::optional;
    samples.push_back(optional && !given(name) ? SampleInput::absent() : sample);
  }
  return samples;
}

}  // namespace gradus
