// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/batch_norm_relu.h"
#include "ops/composite_gradient.h"
#include "ops/cpu_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { dy_in, x_in, mean_in, rstd_in, weight_in, bias_in };

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[x_in];
  const auto shape = batch_norm_relu_shape(x.shape, args.attrs, args.op);
  const TensorSpec y{x.dtype, batch_norm_relu_output(x.shape, shape)};
  GRADUS_CHECK(args.in[dy_in] == y, "[{}] grad_output, expected {}, got {}", args.op, to_string(y),
               to_string(args.in[dy_in]));
  const TensorSpec statistics{statistics_dtype(x.dtype), {shape.channels}};
  for (const Input k : {mean_in, rstd_in})
    GRADUS_CHECK(args.in[k].shape == statistics.shape && fits_statistics(args.in[k].dtype, x.dtype),
                 "[{}] statistics, expected {}, got {}", args.op, to_string(statistics),
                 to_string(args.in[k]));
  check_affine(args, weight_in, "weight", statistics.shape);
  check_affine(args, bias_in, "bias", statistics.shape);
  return {x, statistics, statistics};
}

kernels::BatchNormReluBackwardArgs bind(const RunArgs& args) {
  const auto in = [&](size_t i) -> const void* { return args.has(i) ? args.in[i].data : nullptr; };
  const auto shape =
      batch_norm_relu_shape(args.in[x_in].shape, args.attrs, "batch_norm_relu_backward");
  return {{args.in[x_in].dtype, in(dy_in), in(x_in), in(mean_in), in(rstd_in), in(weight_in),
           args.out[0].data, args.out[1].data, args.out[2].data, shape.norm(),
           args.attrs.boolean("training"), args.workspace},
          shape,
          in(bias_in)};
}

// The norm's result from the statistics as they are given, then the gradients of its three stages.
std::vector<Value> grad(GradArgs& args) {
  return composite_gradients(args, [&args](const std::vector<Value>& in) {
    const bool last = args.attrs.boolean("channels_last");
    const Shape& shape = in[x_in].shape();
    const auto per = [&](Value v) {
      Shape size{v.shape()[0]};
      for (int d = 2; !last && d < shape.rank(); ++d) size.push_back(1);
      return reshape(widened(v), size);
    };
    Value scale = per(in[rstd_in]);
    if (in[weight_in]) scale = scale * per(in[weight_in]);
    Value y = (widened(in[x_in]) - per(in[mean_in])) * scale;
    if (in[bias_in]) y = y + per(in[bias_in]);
    Value g = widened(in[dy_in]);
    if (args.attrs.has("window")) {
      const int spatial = shape.rank() - 2;
      const auto window =
          expand_list(args.attrs.integers("window"), spatial, "batch_norm_relu", "window");
      const Value at =
          apply("max_pool", {y}, {{"kernel_size", window}, {"channels_last", last}})[1];
      const int64_t* first = shape.begin() + (last ? 1 : 2);
      g = apply1(
          "max_pool_backward", {g, at},
          {{"input_size", AttrValue::Integers(first, first + spatial)}, {"channels_last", last}});
    }
    const Value zero = g.graph().scalar(0, g.dtype());
    g = apply1("where", {gt(y, zero), g, zero});
    return apply("batch_norm_backward",
                 {cast(g, in[x_in].dtype()), in[x_in], in[mean_in], in[rstd_in], in[weight_in]},
                 {{"training", args.attrs.boolean("training")}, {"channels_last", last}});
  });
}

std::vector<Sample> samples() {
  const auto make = [](const Shape& x, const Shape& dy, bool affine, AttrList attrs) {
    const bool last = std::ranges::any_of(
        attrs, [](const NamedAttr& attr) { return attr.first == "channels_last"; });
    const Shape size{x[last ? x.rank() - 1 : 1]};
    const SampleInput channels{.shape = size}, positive{.shape = size, .lo = 0.5, .hi = 2};
    const SampleInput absent = SampleInput::absent();
    return Sample{.inputs = {{.shape = dy},
                             {.shape = x, .fill = Fill::distinct},
                             channels,
                             positive,
                             affine ? positive : absent,
                             affine ? channels : absent},
                  .attrs = std::move(attrs)};
  };
  using List = AttrValue::Integers;
  const AttrList last{{"channels_last", true}};
  const auto pooled = [](List window) {
    return AttrList{{"channels_last", true}, {"window", std::move(window)}};
  };
  std::vector<Sample> list{make({3, 2, 5}, {3, 2, 5}, true, {}),
                           make({3, 2, 5}, {3, 2, 5}, true, {{"training", false}}),
                           make({2, 3, 4, 6}, {2, 3, 2, 2}, false, {{"window", List{2, 3}}}),
                           make({3, 4, 5, 2}, {3, 4, 5, 2}, true, last),
                           make({3, 4, 6, 2}, {3, 2, 3, 2}, true, pooled({2, 2})),
                           make({2, 2, 4, 3, 3}, {2, 2, 2, 1, 3}, false, pooled({1, 2, 3})),
                           make({3, 6, 4, 37}, {3, 3, 2, 37}, true, pooled({2, 2})),
                           make({1, 1, 1}, {1, 1, 1}, true, {}),
                           make({0, 3, 2}, {0, 3, 2}, true, {}),
                           make({64, 28, 28, 32}, {64, 14, 14, 32}, true, pooled({2, 2}))};
  list[6].grad = list[6].second = false;  // too many for differences, some at the relu's corner
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef batch_norm_relu_backward_op() {
  std::vector<AttrSpec> attributes = batch_norm_relu_attributes();
  const AttrSpec training{"training", AttrType::boolean, true};
  attributes.insert(attributes.begin(), training);
  return {
      .name = "batch_norm_relu_backward",
      .doc =
          "the gradients of batch_norm_relu from its input and the mean and rstd it used; what "
          "the norm gave is computed again",
      .inputs = {{"grad_output"},
                 {"input"},
                 {"save_mean"},
                 {"save_rstd"},
                 {"weight", InputKind::optional},
                 {"bias", InputKind::optional}},
      .outputs = {"grad_input", "grad_weight", "grad_bias"},
      .attributes = attributes,
      .infer = infer,
      .grad = grad,
      .cpu = cpu_variants<bind, kernels::batch_norm_relu_backward_avx512,
                          kernels::batch_norm_relu_backward_avx2,
                          kernels::batch_norm_relu_backward_cpu, batch_norm_relu_lanes_fit<x_in>>(
          batch_norm_relu_lanes_workspace<x_in>, batch_norm_relu_reference_workspace<x_in>),
      .autocast = AutocastClass::full_precision,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{14.0 * static_cast<double>(query.in[x_in].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
