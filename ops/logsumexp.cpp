// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const DType dtype = args.in[0].dtype;
  return {{is_floating(dtype) ? dtype : DType::f32, reduced_shape(args)}};
}

std::vector<Value> grad(GradArgs& args) {
  return {spread(args, args.dout[0]) * exp(args.in[0] - spread(args, args.out[0]))};
}

std::vector<Sample> samples() {
  std::vector<Sample> list = reduction_samples({.lo = -3, .hi = 3});
  list.push_back({.inputs = {{.shape = {3, 4}, .lo = 900, .hi = 1000}}, .attrs = {{"dim", 1}}});
  // Their exponentials keep few bits even in f64: what is not shifted loses its slope.
  list.push_back({.inputs = {{.shape = {3, 4}, .lo = -744, .hi = -738}}, .attrs = {{"dim", 1}}});
  return list;
}

}  // namespace

OpDef logsumexp_op() {
  std::vector<AttrSpec> attributes = reduction_attributes();
  attributes[0].required = true;
  return {.name = "logsumexp",
          .doc =
              "log(sum(exp(x))) over dim, stable for large x; -inf where nothing is reduced; "
              "of whole numbers in f32",
          .inputs = {{"input"}},
          .attributes = attributes,
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run_reduction<kernels::Reduction::logsumexp>}},
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = reduction_cost};
}

}  // namespace gradus
