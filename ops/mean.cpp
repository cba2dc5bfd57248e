// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "kernels/reduce.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& in = args.in[0];
  const std::vector<int> dims = reduced_dims(args.attrs, in.shape.rank(), args.op);
  return {{in.dtype, reduced_shape(in.shape, dims, args.attrs.boolean("keepdim"))}};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  kernels::ReduceArgs reduce{
      kernels::Reduction::mean, in.dtype, in.data, out.dtype, out.data, in.shape, {}};
  for (int d : reduced_dims(args.attrs, in.shape.rank(), "mean"))
    reduce.reduced[static_cast<size_t>(d)] = true;
  kernels::reduce_cpu(reduce);
}

std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[0];
  const std::vector<int> dims = reduced_dims(args.attrs, x.rank(), "mean");
  const Value dy = reshape(args.dout[0], reduced_shape(x.shape(), dims, true));
  const double count =
      static_cast<double>(x.shape().numel()) / static_cast<double>(dy.shape().numel());
  return {expand(dy / count, x.shape())};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}}},
          {.inputs = {{.shape = {3, 5}}}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {2, 3, 7}}},
           .attrs = {{"dim", AttrValue::Integers{0, -1}}, {"keepdim", true}}},
          {.inputs = {{.shape = {}}}},
          {.inputs = {{.shape = {0, 3}}}, .attrs = {{"dim", 1}}},
          {.inputs = {{.shape = {1024, 1024}}}, .attrs = {{"dim", -1}}, .bench = true}};
}

}  // namespace

OpDef mean_op() {
  return {.name = "mean",
          .doc = "the mean over dim (all dims when none)",
          .inputs = {{"input"}},
          .attributes = {{"dim", AttrType::integers}, {"keepdim", AttrType::boolean, false}},
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{static_cast<double>(query.in[0].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
