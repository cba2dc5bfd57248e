// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/pooling_support.h"
#include "ops/support.h"

namespace gradus {
namespace {

int spatial_dims(const Attrs& attrs) {
  return static_cast<int>(attrs.integers("kernel_size").size());
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& input = args.in[0];
  const auto shape = window_pool_shape(input.shape, args.attrs, args.op);
  const Shape output = pool_output(input.shape, shape, spatial_dims(args.attrs),
                                   args.attrs.boolean("channels_last"));
  return {{input.dtype, output}, {DType::i64, output}};
}

kernels::MaxPoolArgs bind(const RunArgs& run) {
  return {run.in[0].dtype, window_pool_shape(run.in[0].shape, run.attrs, "max_pool"),
          run.in[0].data, run.out[0].data, run.out[1].as<int64_t>()};
}

void run(const RunArgs& run) { kernels::max_pool_cpu(bind(run)); }

std::vector<Value> grad(GradArgs& args) {
  if (!args.dout[0]) return {Value()};
  const bool last = args.attrs.boolean("channels_last");
  return {apply1("max_pool_backward", {args.dout[0], args.out[1]},
                 {{"input_size", pooled_dims(args.in[0].shape(), spatial_dims(args.attrs), last)},
                  {"channels_last", last}})};
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const auto with = [](const Shape& shape, List kernel, AttrList attrs) {
    attrs.emplace_back("kernel_size", std::move(kernel));
    return Sample{.inputs = {{.shape = shape, .fill = Fill::distinct}}, .attrs = std::move(attrs)};
  };
  std::vector<Sample> list = {
      with({2, 3, 7}, {3}, {}),
      with({2, 3, 6, 5}, {2, 2}, {}),
      with({1, 2, 5, 4, 3}, {2, 3, 2}, {{"stride", List{2, 1, 1}}}),
      with({3, 7, 8}, {3, 2}, {{"padding", List{1, 1}}, {"stride", List{2, 3}}}),
      with({1, 1, 9, 7}, {3, 2}, {{"dilation", List{2, 3}}, {"stride", List{1, 1}}}),
      with({1, 2, 6, 6}, {3, 3}, {{"stride", List{2, 2}}, {"ceil_mode", true}}),
      with({2, 6, 5, 3}, {2, 2}, {{"channels_last", true}}),
      with({1, 7, 5, 19}, {3, 2}, {{"channels_last", true}, {"stride", List{2, 1}}}),
      with({1, 1, 1, 1}, {1, 1}, {}),
      with({0, 3, 4, 4}, {2, 2}, {}),
      with({64, 32, 28, 28}, {2, 2}, {})};
  list.back().bench = true;
  return list;
}

Cost cost(const KernelQuery& query) {
  double window = 1;
  for (int64_t size : query.attrs.integers("kernel_size")) window *= static_cast<double>(size);
  return {window * static_cast<double>(query.out[0].numel()), least_bytes(query)};
}

}  // namespace

OpDef max_pool_op() {
  return {.name = "max_pool",
          .doc =
              "the largest value of each window over the last len(kernel_size) dims, and its "
              "index in the flattened window dims; the first of equal values wins, NaN wins; "
              "max_pool1d, 2d and 3d are made of it",
          .inputs = {{"input"}},
          .outputs = {"output", "indices"},
          .attributes = with_channels_last(max_pool_attributes()),
          .dtypes = number_types,
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bind>({{"blocked", run, nullptr, has_own_lanes}, {"reference", run}}),
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
