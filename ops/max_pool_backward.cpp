// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/pooling_support.h"
#include "ops/support.h"

namespace gradus {
namespace {

int spatial_dims(const Attrs& attrs) {
  return static_cast<int>(attrs.integers("input_size").size());
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &dy = args.in[0], &indices = args.in[1];
  GRADUS_CHECK(indices.dtype == DType::i64 && indices.shape == dy.shape,
               "[{}] indices, expected i64 {}, got {}", args.op, to_string(dy.shape),
               to_string(indices));
  const int spatial = spatial_dims(args.attrs);
  GRADUS_CHECK(spatial >= 1 && spatial <= 3,
               "[{}] attribute 'input_size', expected 1 to 3 numbers, got {}", args.op, spatial);
  return {{dy.dtype, with_pooled_dims(dy.shape, spatial, args.attrs.boolean("channels_last"),
                                      args.attrs.integers("input_size"), args.op)}};
}

void run(const RunArgs& run) {
  const Shape &dy = run.in[0].shape, &dx = run.out[0].shape;
  const int spatial = spatial_dims(run.attrs);
  const int first = first_pooled_dim(dy, spatial, run.attrs.boolean("channels_last"));
  const int end = first + spatial;
  kernels::max_pool_backward_cpu({run.in[0].dtype, dy.product(0, first), dx.product(first, end),
                                  dy.product(first, end), dy.product(end, dy.rank()),
                                  run.in[0].data, run.in[1].as<int64_t>(), run.out[0].data});
}

// Linear in dy: each output position reads the element it was added to.
std::vector<Value> grad(GradArgs& args) {
  const int spatial = spatial_dims(args.attrs);
  const bool last = args.attrs.boolean("channels_last");
  const Value places = flatten_planes(args.in[1], spatial, last);
  const Value read =
      apply1("gather", {flatten_planes(args.dout[0], spatial, last), clamp(places, {{"min", 0.0}})},
             {{"dim", 1}});
  const Value kept = where(places >= 0.0, read, zero(read));
  return {reshape(kept, args.in[0].shape()), Value()};
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const auto with = [](const Shape& dy, List size, bool channels_last = false) {
    int64_t count = 1;
    for (int64_t n : size) count *= n;
    return Sample{.inputs = {{.shape = dy}, SampleInput::indices(dy, count)},
                  .attrs = {{"input_size", std::move(size)}, {"channels_last", channels_last}}};
  };
  std::vector<Sample> list = {with({2, 3, 5}, {7}),       with({3, 2, 2}, {5, 4}),
                              with({1, 2, 3, 2}, {6, 5}), with({2, 2, 2, 2}, {3, 2, 3}),
                              with({1, 1}, {1}),          with({2, 3, 2, 3}, {5, 4}, true),
                              with({0, 3, 2, 2}, {4, 4}), with({64, 32, 14, 14}, {28, 28})};
  list.back().bench = true;
  return list;
}

Cost cost(const KernelQuery& query) {
  return {static_cast<double>(query.in[0].numel()), least_bytes(query)};
}

}  // namespace

OpDef max_pool_backward_op() {
  return {.name = "max_pool_backward",
          .doc =
              "adds each element of grad_output to the element of a zero tensor, with last dims "
              "input_size, that indices names; -1 names none",
          .inputs = {{"grad_output"}, {"indices", InputKind::required, false}},
          .attributes = with_channels_last({{"input_size", AttrType::integers, {}, true}}),
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
