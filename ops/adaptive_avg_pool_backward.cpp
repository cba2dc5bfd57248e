// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/pooling_support.h"
#include "ops/support.h"

namespace gradus {
namespace {

int spatial_dims(const Attrs& attrs) {
  return static_cast<int>(attrs.integers("input_size").size());
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& dy = args.in[0];
  const int spatial = spatial_dims(args.attrs);
  GRADUS_CHECK(spatial >= 1 && spatial <= 3,
               "[{}] attribute 'input_size', expected 1 to 3 numbers, got {}", args.op, spatial);
  return {{dy.dtype, with_pooled_dims(dy.shape, spatial, args.attrs.boolean("channels_last"),
                                      args.attrs.integers("input_size"), args.op)}};
}

// The pooled sizes as the list that adaptive pooling takes them from, without allocating.
kernels::PoolShape pool_shape(const Shape& dy, const Shape& dx, int spatial, bool last) {
  kernels::PoolShape shape;
  shape.adaptive = true;
  const int first = first_pooled_dim(dy, spatial, last);
  shape.planes = dy.product(0, first);
  shape.lanes = dy.product(first + spatial, dy.rank());
  for (int d = 0; d < spatial; ++d) {
    const size_t at = static_cast<size_t>(3 - spatial + d);
    shape.input[at] = dx[first + d];
    shape.output[at] = dy[first + d];
  }
  return shape;
}

void run(const RunArgs& run) {
  kernels::AvgPoolBackwardArgs args;
  args.dtype = run.in[0].dtype;
  args.shape = pool_shape(run.in[0].shape, run.out[0].shape, spatial_dims(run.attrs),
                          run.attrs.boolean("channels_last"));
  args.output_gradient = run.in[0].data;
  args.input_gradient = run.out[0].data;
  kernels::avg_pool_backward_cpu(args);
}

std::vector<Value> grad(GradArgs& args) {
  const bool last = args.attrs.boolean("channels_last");
  return {apply1("adaptive_avg_pool", {args.dout[0]},
                 {{"output_size", pooled_dims(args.in[0].shape(), spatial_dims(args.attrs), last)},
                  {"channels_last", last}})};
}

std::vector<Sample> samples() {
  const auto with = [](const Shape& shape, AttrValue::Integers size, bool channels_last = false) {
    return Sample{.inputs = {{.shape = shape}},
                  .attrs = {{"input_size", std::move(size)}, {"channels_last", channels_last}}};
  };
  std::vector<Sample> list = {with({2, 3, 3}, {7}),
                              with({2, 3, 3, 2}, {7, 5}),
                              with({1, 2, 2, 2, 3}, {3, 4, 3}),
                              with({3, 6, 7}, {4, 5}),
                              with({2, 3, 2, 3}, {7, 5}, true),
                              with({1, 1, 1, 1}, {1, 1}),
                              with({0, 3, 2, 2}, {4, 4}),
                              with({32, 512, 1, 1}, {4, 4})};
  list.back().bench = true;
  return list;
}

Cost cost(const KernelQuery& query) {
  return {static_cast<double>(query.out[0].numel()), least_bytes(query)};
}

}  // namespace

OpDef adaptive_avg_pool_backward_op() {
  return {.name = "adaptive_avg_pool_backward",
          .doc =
              "the adjoint of adaptive_avg_pool: the gradient of an input whose last dims are "
              "input_size",
          .inputs = {{"grad_output"}},
          .attributes = with_channels_last({{"input_size", AttrType::integers, {}, true}}),
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
