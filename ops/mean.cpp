// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const DType dtype = args.attrs.has("dtype") ? args.attrs.dtype("dtype") : args.in[0].dtype;
  GRADUS_CHECK(contains(float_types, dtype),
               "[mean] expected a floating input or a floating 'dtype', got {}", dtype_name(dtype));
  return {{dtype, reduced_shape(args)}};
}

std::vector<Value> grad(GradArgs& args) {
  const double count = std::max(reduced_count(args), 1.0);
  return {spread(args, cast(args.dout[0], args.in[0].dtype()) / count)};
}

std::vector<Sample> samples() {
  return reduction_samples({.more = {{}, {{"dim", -1}, {"dtype", DType::f64}}}});
}

}  // namespace

OpDef mean_op() {
  return {.name = "mean",
          .doc = "the mean over dim (all dims when none); NaN where nothing is reduced",
          .inputs = {{"input"}},
          .attributes = reduction_attributes({{"dtype", AttrType::dtype}}),
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = reduction_variants<kernels::Reduction::mean>(),
          .cuda = reduction_cuda_variants<kernels::Reduction::mean>(),
          .samples = samples,
          .cost = reduction_cost};
}

}  // namespace gradus
