// SPDX-License-Identifier: Apache-2.0
#include "ops/class_loss.h"

#include "engine/base/error.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

int dim_of_classes(const Shape& input) { return input.rank() == 1 ? 0 : 1; }

Shape positions_of(const Shape& input) {
  Shape shape = input;
  shape.erase(dim_of_classes(input));
  return shape;
}

void check_target(const InferArgs& args, const TensorSpec& x, const TensorSpec& target,
                  bool probabilities_allowed) {
  if (is_floating(target.dtype) && probabilities_allowed) {
    GRADUS_CHECK(target == x, "[{}] input 'target' as probabilities, expected {}, got {}", args.op,
                 to_string(x), to_string(target));
    return;
  }
  const TensorSpec wanted{DType::i64, positions_of(x.shape)};
  GRADUS_CHECK(target == wanted, "[{}] input 'target', expected {}{}, got {}", args.op,
               to_string(wanted), probabilities_allowed ? " or probabilities" : "",
               to_string(target));
}

}  // namespace

TensorSpec check_class_loss(const InferArgs& args, size_t first, bool probabilities_allowed) {
  const TensorSpec &x = args.in[first], &target = args.in[first + 1];
  GRADUS_CHECK(contains(float_types, x.dtype),
               "[{}] input 'input', expected a floating dtype, got {}", args.op,
               dtype_name(x.dtype));
  GRADUS_CHECK(x.shape.rank() >= 1, "[{}] input 'input', expected at least one dim, got {}",
               args.op, to_string(x));
  const int64_t classes = x.shape[dim_of_classes(x.shape)];
  GRADUS_CHECK(classes >= 1, "[{}] input 'input', expected at least one class, got {}", args.op,
               to_string(x));
  check_target(args, x, target, probabilities_allowed);
  if (args.has(first + 2)) {
    const TensorSpec wanted{x.dtype, {classes}};
    GRADUS_CHECK(args.in[first + 2] == wanted, "[{}] input 'weight', expected {}, got {}", args.op,
                 to_string(wanted), to_string(args.in[first + 2]));
  }
  const bool none = loss_reduction(args.attrs, args.op) == kernels::LossReduction::none;
  return {x.dtype, none ? positions_of(x.shape) : Shape{}};
}

std::vector<TensorSpec> infer_class_loss_backward(const InferArgs& args,
                                                  bool probabilities_allowed) {
  const TensorSpec loss = check_class_loss(args, 1, probabilities_allowed);
  GRADUS_CHECK(args.in[0] == loss, "[{}] input 'grad_output', expected {}, got {}", args.op,
               to_string(loss), to_string(args.in[0]));
  return {args.in[1]};
}

kernels::CrossEntropyArgs class_loss_args(const RunArgs& args, size_t first, std::string_view op) {
  const TensorRef &x = args.in[first], &target = args.in[first + 1];
  const DimSplit split = split_at(x.shape, dim_of_classes(x.shape), op);
  const bool indices = target.dtype == DType::i64;
  return {.op = op,
          .dtype = x.dtype,
          .x = x.data,
          .indices = indices ? target.as<int64_t>() : nullptr,
          .probabilities = indices ? nullptr : target.data,
          .weight = args.has(first + 2) ? args.in[first + 2].data : nullptr,
          .outer = split.outer,
          .classes = split.dim,
          .inner = split.inner,
          .ignore_index = args.attrs.integer("ignore_index"),
          .reduction = loss_reduction(args.attrs, op)};
}

int64_t class_loss_workspace(const KernelQuery& query) {
  return positions_of(query.in[0].shape).numel() * static_cast<int64_t>(sizeof(double));
}

int64_t class_loss_divisor_workspace(const KernelQuery&) { return sizeof(double); }

int64_t class_dim(Value input) { return dim_of_classes(input.shape()); }

// nll_loss of scores -1 is the weight itself.
Value position_weights(Value input, Value target, Value weight, const Attrs& attrs) {
  const Value scores = input.graph().full(input.shape(), -1.0, input.dtype());
  return apply1("nll_loss", {scores, target, weight},
                {{"ignore_index", attrs.integer("ignore_index")}, {"reduction", "none"}});
}

Value over_classes(Value per_position, Value input) {
  if (per_position.shape() != positions_of(input.shape())) return per_position;
  Shape shape = input.shape();
  shape[dim_of_classes(shape)] = 1;
  return reshape(per_position, shape);
}

namespace {

struct Case {
  Shape input;
  bool weight;
  AttrList attrs = {};
  bool bench = false;
};

Sample class_loss_sample(const Case& c, bool backward, bool probabilities) {
  const Shape positions = positions_of(c.input);
  const int64_t classes = c.input[dim_of_classes(c.input)];
  Sample sample{.inputs = {}, .attrs = c.attrs, .bench = c.bench};
  bool none = false;
  for (const NamedAttr& attr : c.attrs) {
    const std::string* text = attr.second.as<std::string>();
    none |= text != nullptr && *text == "none";
  }
  if (backward) sample.inputs.push_back({.shape = none ? positions : Shape{}});
  sample.inputs.push_back({.shape = c.input, .fill = Fill::distinct, .lo = -3, .hi = 3});
  if (probabilities)
    sample.inputs.push_back({.shape = c.input, .fill = Fill::uniform, .lo = 0, .hi = 1});
  else
    sample.inputs.push_back(SampleInput::indices(positions, classes));
  sample.inputs.push_back(c.weight ? SampleInput{.shape = {classes}, .lo = 0.5, .hi = 2}
                                   : SampleInput::absent());
  return sample;
}

}  // namespace

std::vector<Sample> class_loss_samples(bool backward, bool probabilities) {
  std::vector<Case> cases{{{5, 7}, false},
                          {{3}, false},
                          {{1, 1}, false},
                          {{4, 3}, true},
                          {{4, 3, 2}, true, {{"reduction", "none"}}},
                          {{2, 3, 2, 3}, false, {{"reduction", "sum"}}},
                          {{9, 3}, true, {{"ignore_index", 1}}},
                          {{0, 3}, false, {{"reduction", "sum"}}},
                          {{3, 67}, false, {{"reduction", "none"}}}};
  if (probabilities) {
    cases.push_back({{5, 7}, false, {{"label_smoothing", 0.1}}});
    cases.push_back({{4, 3, 2}, true, {{"label_smoothing", 0.2}}});
  }
  cases.push_back({{2048, 8192}, false, {}, true});
  std::vector<Sample> list;
  for (const Case& c : cases) list.push_back(class_loss_sample(c, backward, false));
  for (const Case& c : cases)
    if (probabilities && !c.bench) list.push_back(class_loss_sample(c, backward, true));
  return list;
}

Cost class_loss_cost(const KernelQuery& query) {
  const size_t input = query.in[0].shape.rank() >= query.in[1].shape.rank() ? 0 : 1;
  return {5.0 * static_cast<double>(query.in[input].numel()), least_bytes(query)};
}

}  // namespace gradus
