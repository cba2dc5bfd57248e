// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
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

int64_t divisor(const Attrs& attrs) {
  return attrs.has("divisor_override") ? attrs.integer("divisor_override") : 0;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  GRADUS_CHECK(!args.attrs.has("divisor_override") || args.attrs.integer("divisor_override") != 0,
               "[{}] attribute 'divisor_override', expected a number other than 0, got 0", args.op);
  const TensorSpec& input = args.in[0];
  const auto shape = window_pool_shape(input.shape, args.attrs, args.op);
  return {{input.dtype, pool_output(input.shape, shape, spatial_dims(args.attrs),
                                    args.attrs.boolean("channels_last"))}};
}

kernels::AvgPoolArgs bind(const RunArgs& run) {
  return {run.in[0].dtype,
          window_pool_shape(run.in[0].shape, run.attrs, "avg_pool"),
          run.attrs.boolean("count_include_pad"),
          divisor(run.attrs),
          run.in[0].data,
          run.out[0].data};
}

void run(const RunArgs& run) { kernels::avg_pool_cpu(bind(run)); }

std::vector<Value> grad(GradArgs& args) {
  AttrList attrs = args.attrs.all();
  attrs.emplace_back("input_size", pooled_dims(args.in[0].shape(), spatial_dims(args.attrs),
                                               args.attrs.boolean("channels_last")));
  return {apply1("avg_pool_backward", {args.dout[0]}, attrs)};
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const auto with = [](const Shape& shape, List kernel, AttrList attrs) {
    attrs.emplace_back("kernel_size", std::move(kernel));
    return Sample{.inputs = {{.shape = shape}}, .attrs = std::move(attrs)};
  };
  std::vector<Sample> list = {
      with({2, 3, 7}, {3}, {}),
      with({2, 3, 6, 5}, {2, 2}, {}),
      with({1, 2, 5, 4, 3}, {2, 3, 2}, {{"stride", List{2, 1, 1}}}),
      with({3, 7, 8}, {3, 2}, {{"padding", List{1, 1}}, {"stride", List{2, 3}}}),
      with({1, 2, 6, 6}, {3, 3}, {{"padding", List{1, 1}}, {"count_include_pad", false}}),
      with({1, 2, 6, 6}, {3, 3},
           {{"stride", List{2, 2}}, {"ceil_mode", true}, {"padding", List{1, 1}}}),
      with({1, 2, 5, 5}, {2, 2}, {{"divisor_override", 3}}),
      with({2, 6, 5, 3}, {2, 2}, {{"channels_last", true}}),
      with({1, 7, 5, 19}, {3, 2}, {{"channels_last", true}, {"padding", 1}}),
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

OpDef avg_pool_op() {
  return {.name = "avg_pool",
          .doc =
              "the mean of each window over the last len(kernel_size) dims; avg_pool1d, 2d and "
              "3d are made of it",
          .inputs = {{"input"}},
          .attributes = with_channels_last(avg_pool_attributes(3)),
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bind>({{"blocked", run, nullptr, has_own_lanes}, {"reference", run}}),
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
