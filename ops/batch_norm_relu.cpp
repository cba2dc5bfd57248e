// SPDX-License-Identifier: Apache-2.0
#include "ops/batch_norm_relu.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ops/batch_norm.h"
#include "ops/composite_gradient.h"
#include "ops/cpu_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { x_in, running_mean_in, running_var_in, weight_in, bias_in };
enum Output { y_out, running_mean_out, running_var_out, mean_out, rstd_out };

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[x_in];
  const auto shape = batch_norm_relu_shape(x.shape, args.attrs, args.op);
  std::vector<TensorSpec> outputs = batch_norm_outputs(args, shape.norm());
  outputs[y_out].shape = batch_norm_relu_output(x.shape, shape);
  return outputs;
}

kernels::BatchNormReluArgs bind(const RunArgs& args) {
  const auto in = [&](size_t i) -> const void* { return args.has(i) ? args.in[i].data : nullptr; };
  const auto shape = batch_norm_relu_shape(args.in[x_in].shape, args.attrs, "batch_norm_relu");
  return {{args.in[x_in].dtype, in(x_in), in(running_mean_in), in(running_var_in), in(weight_in),
           in(bias_in), nullptr, args.out[running_mean_out].data, args.out[running_var_out].data,
           args.out[mean_out].data, args.out[rstd_out].data, shape.norm(),
           args.attrs.boolean("training"), args.attrs.real("momentum"), args.attrs.real("eps"),
           args.workspace},
          shape,
          args.out[y_out].data};
}

std::vector<Value> grad(GradArgs& args) {
  const Twin twin = [&args](const std::vector<Value>& in) {
    return batch_norm_relu_twin(in, args.attrs);
  };
  return composite_gradients(args, twin);
}

std::vector<Sample> samples() {
  const auto make = [](const Shape& x, bool running, bool affine, AttrList attrs) {
    const bool last = std::ranges::any_of(
        attrs, [](const NamedAttr& attr) { return attr.first == "channels_last"; });
    const Shape size{x[last ? x.rank() - 1 : 1]};
    const SampleInput channels{.shape = size}, positive{.shape = size, .lo = 0.5, .hi = 2};
    const SampleInput absent = SampleInput::absent();
    return Sample{.inputs = {{.shape = x, .fill = Fill::distinct},
                             running ? channels : absent,
                             running ? positive : absent,
                             affine ? channels : absent,
                             affine ? channels : absent},
                  .attrs = std::move(attrs)};
  };
  using List = AttrValue::Integers;
  const AttrList last{{"training", true}, {"channels_last", true}};
  const auto pooled = [](List window) {
    return AttrList{{"training", true}, {"channels_last", true}, {"window", std::move(window)}};
  };
  std::vector<Sample> list{make({3, 2, 5}, true, true, {{"training", true}}),
                           make({3, 2, 5}, true, true, {{"eps", 0.1}}),
                           make({2, 3, 4, 6}, true, true,
                                {{"training", true}, {"momentum", 0.3}, {"window", List{2, 3}}}),
                           make({3, 4, 5, 2}, true, true, last),
                           make({3, 4, 5, 2}, true, false, {{"channels_last", true}}),
                           make({3, 4, 6, 2}, false, true, pooled({2, 2})),
                           make({2, 2, 4, 3, 3}, false, false, pooled({1, 2, 3})),
                           make({3, 6, 4, 37}, true, true, pooled({2, 2})),
                           make({1, 1, 1}, true, true, {}),
                           make({0, 3, 2}, true, true, {{"training", true}}),
                           make({64, 28, 28, 32}, true, true, pooled({2, 2}))};
  list[7].grad = list[7].second = false;  // too many for differences, some at the relu's corner
  list.back().bench = true;
  return list;
}

}  // namespace

kernels::BatchNormReluShape batch_norm_relu_shape(const Shape& x, const Attrs& attrs,
                                                  std::string_view op) {
  const int spatial = x.rank() - 2;
  GRADUS_CHECK(spatial >= 1 && spatial <= 3, "[{}] input, expected rank 3 to 5, got {}", op,
               to_string(x));
  kernels::BatchNormReluShape s;
  s.channels_last = attrs.boolean("channels_last");
  s.batch = x[0];
  s.channels = x[s.channels_last ? x.rank() - 1 : 1];
  const bool pooled = attrs.has("window");
  const auto& window = attrs.find("window");
  const auto* sizes = pooled ? window.as<AttrValue::Integers>() : nullptr;
  GRADUS_CHECK(!sizes || sizes->size() == 1 || static_cast<int>(sizes->size()) == spatial,
               "[{}] attribute 'window', expected 1 or {} numbers, got {}", op, spatial,
               sizes ? sizes->size() : 0);
  for (int d = 0; d < spatial; ++d) {
    const size_t at = static_cast<size_t>(3 - spatial + d);
    const int64_t size = x[d + (s.channels_last ? 1 : 2)];
    if (sizes) s.window[at] = (*sizes)[sizes->size() == 1 ? 0 : static_cast<size_t>(d)];
    GRADUS_CHECK(s.window[at] >= 1 && size % s.window[at] == 0,
                 "[{}] attribute 'window', expected divisors of the input's dims, got {} for {}",
                 op, s.window[at], size);
    s.output[at] = size / s.window[at];
  }
  return s;
}

Shape batch_norm_relu_output(const Shape& x, const kernels::BatchNormReluShape& shape) {
  Shape result = x;
  const int spatial = x.rank() - 2;
  for (int d = 0; d < spatial; ++d)
    result[d + (shape.channels_last ? 1 : 2)] = shape.output[static_cast<size_t>(3 - spatial + d)];
  return result;
}

std::vector<AttrSpec> batch_norm_relu_attributes() {
  return {{"window", AttrType::integers}, {"channels_last", AttrType::boolean, false}};
}

std::vector<Value> batch_norm_relu_twin(const std::vector<Value>& in, const Attrs& attrs) {
  const bool last = attrs.boolean("channels_last");
  std::vector<Value> result = apply("batch_norm", in,
                                    {{"training", attrs.boolean("training")},
                                     {"momentum", attrs.real("momentum")},
                                     {"eps", attrs.real("eps")},
                                     {"channels_last", last}});
  result[0] = relu(result[0]);
  if (!attrs.has("window")) return result;
  const int spatial = in[0].rank() - 2;
  result[0] = apply1(
      "max_pool", {result[0]},
      {{"kernel_size", expand_list(attrs.integers("window"), spatial, "batch_norm_relu", "window")},
       {"channels_last", last}});
  return result;
}

OpDef batch_norm_relu_op() {
  std::vector<AttrSpec> attributes = batch_norm_relu_attributes();
  const std::vector<AttrSpec> norm = batch_norm_attributes();
  attributes.insert(attributes.begin(), norm.begin(), norm.end());
  return {.name = "batch_norm_relu",
          .doc =
              "max_pool(relu(batch_norm(input))) in one pass; window: sizes of the pooled windows, "
              "which must divide the dims (none: no pooling). Other outputs as batch_norm's",
          .inputs = batch_norm_inputs(),
          .outputs = {"output", "running_mean", "running_var", "save_mean", "save_rstd"},
          .extra_outputs = 4,
          .attributes = attributes,
          .infer = infer,
          .grad = grad,
          .cpu = cpu_variants<bind, kernels::batch_norm_relu_avx512, kernels::batch_norm_relu_avx2,
                              kernels::batch_norm_relu_cpu, batch_norm_relu_lanes_fit<x_in>>(
              batch_norm_relu_lanes_workspace<x_in>, batch_norm_relu_reference_workspace<x_in>),
          .aliases = {{running_mean_out, running_mean_in}, {running_var_out, running_var_in}},
          .state = {{running_mean_out, running_mean_in}, {running_var_out, running_var_in}},
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{8.0 * static_cast<double>(query.in[x_in].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
