// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  DType dtype = is_floating(args.in[0].dtype) ? args.in[0].dtype : DType::i64;
  if (args.attrs.has("dtype")) dtype = args.attrs.dtype("dtype");
  GRADUS_CHECK(contains(number_types, dtype), "[sum] does not compute in {}", dtype_name(dtype));
  return {{dtype, reduced_shape(args)}};
}

std::vector<Value> grad(GradArgs& args) {
  return {spread(args, cast(args.dout[0], args.in[0].dtype()))};
}

std::vector<Sample> samples() {
  std::vector<Sample> list =
      reduction_samples({.more = {{}, {{"dim", -1}, {"dtype", DType::f64}}}});
  list.push_back(
      {.inputs =
           {{.shape = {3, 4}, .dtype = DType::i32, .fill = Fill::integers, .lo = -9, .hi = 9}},
       .attrs = {{"dim", 1}}});
  list.push_back(
      {.inputs = {
           {.shape = {7}, .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2}}});
  return list;
}

}  // namespace

OpDef sum_op() {
  return {.name = "sum",
          .doc = "the sum over dim (all dims when none); integers and bool give i64",
          .inputs = {{"input"}},
          .attributes = reduction_attributes({{"dtype", AttrType::dtype}}),
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = reduction_variants<kernels::Reduction::sum>(),
          .cuda = reduction_cuda_variants<kernels::Reduction::sum>(),
          .samples = samples,
          .cost = reduction_cost};
}

}  // namespace gradus
