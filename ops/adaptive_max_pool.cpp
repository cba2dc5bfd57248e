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
  const Shape output = pool_output(input.shape, shape, static_cast<int>(size.size()),
                                   args.attrs.boolean("channels_last"));
  return {{input.dtype, output}, {DType::i64, output}};
}

void run(const RunArgs& run) {
  kernels::max_pool_cpu(
      {run.in[0].dtype,
       adaptive_pool_shape(run.in[0].shape, run.attrs.integers("output_size"),
                           run.attrs.boolean("channels_last"), "adaptive_max_pool"),
       run.in[0].data, run.out[0].data, run.out[1].as<int64_t>()});
}

std::vector<Value> grad(GradArgs& args) {
  if (!args.dout[0]) return {Value()};
  const int spatial = static_cast<int>(args.attrs.integers("output_size").size());
  const bool last = args.attrs.boolean("channels_last");
  return {apply1(
      "max_pool_backward", {args.dout[0], args.out[1]},
      {{"input_size", pooled_dims(args.in[0].shape(), spatial, last)}, {"channels_last", last}})};
}

std::vector<Sample> samples() {
  const auto with = [](const Shape& shape, AttrValue::Integers size, bool channels_last = false) {
    return Sample{.inputs = {{.shape = shape, .fill = Fill::distinct}},
                  .attrs = {{"output_size", std::move(size)}, {"channels_last", channels_last}}};
  };
  std::vector<Sample> list = {with({2, 3, 7}, {3}),
                              with({2, 3, 7, 5}, {3, 2}),
                              with({1, 2, 3, 4, 3}, {2, 2, 3}),
                              with({3, 4, 5}, {6, 7}),
                              with({2, 7, 5, 3}, {3, 2}, true),
                              with({1, 1, 1, 1}, {1, 1}),
                              with({0, 3, 4, 4}, {2, 2}),
                              with({32, 512, 4, 4}, {1, 1})};
  list.back().bench = true;
  return list;
}

Cost cost(const KernelQuery& query) {
  return {static_cast<double>(query.in[0].numel()), least_bytes(query)};
}

}  // namespace

OpDef adaptive_max_pool_op() {
  return {.name = "adaptive_max_pool",
          .doc =
              "the largest values of windows that split the last len(output_size) dims into "
              "output_size parts, and their indices in those dims, flattened; "
              "adaptive_max_pool1d, 2d and 3d are made of it",
          .inputs = {{"input"}},
          .outputs = {"output", "indices"},
          .attributes = with_channels_last({{"output_size", AttrType::integers, {}, true}}),
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
