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
  GRADUS_CHECK(contains(number_types, dtype), "[prod] does not compute in {}", dtype_name(dtype));
  return {{dtype, reduced_shape(args)}};
}

std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[0];
  return {apply1("prod_backward", {cast(args.dout[0], x.dtype()), x},
                 {{"dim", args.attrs.find("dim")}, {"keepdim", args.attrs.boolean("keepdim")}})};
}

std::vector<Sample> samples() {
  std::vector<Sample> list =
      reduction_samples({.lo = 0.5, .hi = 1.5, .more = {{}, {{"dim", -1}, {"dtype", DType::f64}}}});
  list.push_back({.inputs = {{.shape = {5, 4}, .fill = Fill::integers, .lo = 0, .hi = 3}},
                  .attrs = {{"dim", 1}}});  // zeros
  list.push_back(
      {.inputs =
           {{.shape = {3, 4}, .dtype = DType::i32, .fill = Fill::integers, .lo = -9, .hi = 9}},
       .attrs = {{"dim", 1}}});
  return list;
}

}  // namespace

OpDef prod_op() {
  return {.name = "prod",
          .doc = "the product over dim (all dims when none); integers and bool give i64",
          .inputs = {{"input"}},
          .attributes = reduction_attributes({{"dtype", AttrType::dtype}}),
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run_reduction<kernels::Reduction::prod>}},
          .cuda = reduction_cuda_variants<kernels::Reduction::prod>(),
          .samples = samples,
          .cost = reduction_cost};
}

}  // namespace gradus
