// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/pooling_support.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& input = args.in[0];
  const std::vector<int64_t>& size = args.attrs.integers("output_size");
  const auto shape =
      adaptive_pool_shape(input.shape, size, args.attrs.boolean("channels_last"), args.op);
  return {{input.dtype, pool_output(input.shape, shape, static_cast<int>(size.size()),
                                    args.attrs.boolean("channels_last"))}};
}

void run(const RunArgs& run) {
  kernels::AvgPoolArgs args;
  args.dtype = run.in[0].dtype;
  args.shape = adaptive_pool_shape(run.in[0].shape, run.attrs.integers("output_size"),
                                   run.attrs.boolean("channels_last"), "adaptive_avg_pool");
  args.input = run.in[0].data;
  args.output = run.out[0].data;
  kernels::avg_pool_cpu(args);
}

std::vector<Value> grad(GradArgs& args) {
  const int spatial = static_cast<int>(args.attrs.integers("output_size").size());
  const bool last = args.attrs.boolean("channels_last");
  return {apply1(
      "adaptive_avg_pool_backward", {args.dout[0]},
      {{"input_size", pooled_dims(args.in[0].shape(), spatial, last)}, {"channels_last", last}})};
}

std::vector<Sample> samples() {
  const auto with = [](const Shape& shape, AttrValue::Integers size, bool channels_last = false) {
    return Sample{.inputs = {{.shape = shape}},
                  .attrs = {{"output_size", std::move(size)}, {"channels_last", channels_last}}};
  };
  std::vector<Sample> list = {with({2, 3, 7}, {3}),
                              with({2, 3, 7, 5}, {3, 2}),
                              with({1, 2, 3, 4, 3}, {2, 2, 3}),
                              with({3, 4, 5}, {6, 7}),
                              with({2, 7, 5, 3}, {3, 2}, true),
                              with({1, 1, 1, 1}, {1, 1}),
                              with({0, 3, 4, 4}, {2, 2}),
                              with({1, 3, 4, 4}, {0, 2}),
                              with({32, 512, 4, 4}, {1, 1})};
  list.back().bench = true;
  return list;
}

Cost cost(const KernelQuery& query) {
  return {static_cast<double>(query.in[0].numel()), least_bytes(query)};
}

}  // namespace

OpDef adaptive_avg_pool_op() {
  return {.name = "adaptive_avg_pool",
          .doc =
              "means of windows that split the last len(output_size) dims into output_size "
              "parts; adaptive_avg_pool1d, 2d and 3d are made of it",
          .inputs = {{"input"}},
          .attributes = with_channels_last({{"output_size", AttrType::integers, {}, true}}),
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
