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
  DType dtype = is_floating(in.dtype) ? in.dtype : DType::i64;
  if (args.attrs.has("dtype")) dtype = args.attrs.dtype("dtype");
  return {{dtype, reduced_shape(in.shape, dims, args.attrs.boolean("keepdim"))}};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  kernels::ReduceArgs reduce{
      kernels::Reduction::sum, in.dtype, in.data, out.dtype, out.data, in.shape, {}};
  for (int d : reduced_dims(args.attrs, in.shape.rank(), "sum"))
    reduce.reduced[static_cast<size_t>(d)] = true;
  kernels::reduce_cpu(reduce);
}

std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[0];
  const std::vector<int> dims = reduced_dims(args.attrs, x.rank(), "sum");
  const Value dy = cast(args.dout[0], x.dtype());
  return {expand(reshape(dy, reduced_shape(x.shape(), dims, true)), x.shape())};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}}},
          {.inputs = {{.shape = {3, 5}}}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {2, 3, 7}}},
           .attrs = {{"dim", AttrValue::Integers{0, -1}}, {"keepdim", true}}},
          {.inputs = {{.shape = {4, 3}}}, .attrs = {{"dim", -1}, {"dtype", DType::f64}}},
          {.inputs = {{.shape = {}}}},
          {.inputs = {{.shape = {0, 3}}}, .attrs = {{"dim", 0}}},
          {.inputs =
               {{.shape = {3, 4}, .dtype = DType::i32, .fill = Fill::integers, .lo = -9, .hi = 9}},
           .attrs = {{"dim", 1}}},
          {.inputs = {{.shape = {1024, 1024}}}, .attrs = {{"dim", -1}}, .bench = true}};
}

}  // namespace

OpDef sum_op() {
  return {.name = "sum",
          .doc = "the sum over dim (all dims when none); integers and bool give i64",
          .inputs = {{"input"}},
          .attributes = {{"dim", AttrType::integers},
                         {"keepdim", AttrType::boolean, false},
                         {"dtype", AttrType::dtype}},
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{static_cast<double>(query.in[0].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
